//! What other services are answered when they ask what has changed, on both engines.

use crate::server::{Server, id};
use contracts::events::{UserDeactivated, UserReactivated};
use contracts::questions::{ChangePosition, Courses as _};
use contracts::{CourseId, Event, EventData, Timestamp, UserId};
use course_management_service::CourseAnswers;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;
use testing::{Person, until};
use tokio::sync::broadcast::Receiver;
use uuid::Uuid;

/// The last word on a course or on a member of it: the course, the member if it is one, and what was said.
type Last = BTreeMap<(CourseId, Option<UserId>), EventData>;

fn said(last: &mut Last, course: CourseId, data: EventData) {
    let member = match &data {
        EventData::EnrolmentChanged(now) => Some(now.user_id),
        EventData::EnrolmentEnded(ended) => Some(ended.user_id),
        // The members of a deleted course go with it.
        EventData::CourseDeleted(_) => {
            last.retain(|(of, _), _| *of != course);
            None
        }
        _ => None,
    };
    last.insert((course, member), data);
}

/// The courses that have changed since a moment, each with its last event's number.
async fn changed(answers: &CourseAnswers, at: Timestamp) -> BTreeMap<CourseId, i64> {
    let mut position = Some(ChangePosition { at, id: Uuid::nil() });
    let mut all = BTreeMap::new();
    while let Some(next) = position {
        let changes = answers.changed_after(next).await.unwrap();
        all.extend(changes.courses);
        position = changes.next;
    }
    all
}

/// What the answers say of all courses, each since the event of this number.
async fn answered(answers: &CourseAnswers, after: i64) -> Last {
    let mut last = Last::new();
    for (course, sequence) in changed(answers, Timestamp(0)).await {
        let history = answers.history(course, after).await.unwrap().unwrap();
        assert!(history.is_last && history.sequence == sequence, "{history:?}");
        for data in history.events {
            said(&mut last, course, data);
        }
    }
    last
}

/// A published course of two lectures in three modules, with an editor and somebody who has left.
async fn busy_course(server: &Server, owner: &Person) -> String {
    let (course, video) = server.published(owner, json!({"access": "open"})).await;
    let module = server.module(owner, &course, "Two").await;
    server
        .item(owner, &module, server.world.film(owner, "b", "ready"))
        .await;
    server.item(owner, &module, video).await;
    server
        .patch(owner, &module, json!({"opens_at": "2030-01-01T00:00:00Z"}))
        .await
        .is(200);
    server.module(owner, &course, "Empty").await;
    server.member(owner, &course, "editor").await;
    let leaver = server.member(owner, &course, "learner").await;
    server.delete(&leaver, &format!("{course}/enrolments/me")).await.is(204);
    course
}

/// A course that was deleted with its members.
async fn deleted_course(server: &Server, owner: &Person) -> Uuid {
    let (course, _) = server.published(owner, json!({})).await;
    server.member(owner, &course, "learner").await;
    server
        .post(owner, &format!("{course}/unpublish"), json!({}))
        .await
        .is(200);
    server.delete(owner, &course).await.is(204);
    id(&course).parse().unwrap()
}

/// Waits until the answers are the last events of all courses and members; returns the events that were heard.
async fn agree(answers: &CourseAnswers, events: &mut Receiver<Event>) -> Vec<Event> {
    let (mut heard, mut last) = (Vec::new(), Last::new());
    until("the answer is what was heard", || {
        while let Ok(event) = events.try_recv() {
            said(&mut last, event.subject.into(), event.data.clone());
            heard.push(event);
        }
        let expected = last.clone();
        async move { answered(answers, i64::MIN).await == expected }
    })
    .await;
    heard
}

#[tokio::test]
async fn the_answers_are_the_last_events_of_courses_and_their_members() {
    for server in Server::on_each_engine().await {
        let (owner, mut events) = (server.instructor(), server.events().await);
        busy_course(&server, &owner).await;
        let (second, _) = server.published(&owner, json!({})).await;
        let suspended = server.member(&owner, &second, "learner").await;
        server.tell_of(suspended.id, 1, UserDeactivated { version: 2 }).await;
        let deleted = deleted_course(&server, &owner).await;
        let answers = CourseAnswers::new(server.db.clone());
        let heard = agree(&answers, &mut events).await;
        assert!(heard.len() >= 20, "{heard:?}");
        let all = changed(&answers, Timestamp(0)).await;
        assert_eq!(all.len(), 3);
        assert!(all.contains_key(&deleted.into()));
        for (course, last) in all {
            let numbers = heard.iter().filter(|event| event.subject == course.0);
            let numbers: Vec<_> = numbers.map(|event| event.sequence).collect();
            assert_eq!(
                numbers,
                (1..=last).collect::<Vec<_>>(),
                "one history of a course and its members"
            );
        }

        let later = server.clock.now() + Duration::from_secs(1);
        assert_eq!(changed(&answers, later).await, BTreeMap::new());
        server.clock.advance(Duration::from_secs(2));
        server.tell_of(suspended.id, 2, UserReactivated { version: 3 }).await;
        let changed = changed(&answers, later).await;
        assert_eq!(
            changed.keys().map(ToString::to_string).collect::<Vec<_>>(),
            [id(&second)]
        );
    }
}

#[tokio::test]
async fn a_history_begins_after_any_event_of_the_course() {
    for server in Server::on_each_engine().await {
        let owner = server.instructor();
        let course = busy_course(&server, &owner).await;
        let deleted = deleted_course(&server, &owner).await;
        let answers = CourseAnswers::new(server.db.clone());
        let of = async |course: CourseId, after: i64| {
            let history = answers.history(course, after).await.unwrap().unwrap();
            let kinds = history
                .events
                .iter()
                .map(|it| it.kind().rsplit_once("courses.").unwrap().1);
            (history.sequence, kinds.map(str::to_owned).collect::<Vec<_>>())
        };
        let course: CourseId = id(&course).parse().unwrap();
        let (last, whole) = of(course, i64::MIN).await;
        let [joined, ended, changed] = ["enrolment.changed", "enrolment.ended", "course.changed"];
        assert_eq!(whole, [joined, joined, ended, changed]);
        assert_eq!(of(course, last).await, (last, vec![changed.to_owned()]));
        assert_eq!(of(course, last - 1).await.1, [ended, changed], "the last one left");
        assert_eq!(of(deleted.into(), 3).await.1, ["course.deleted"]);
        assert_eq!(answers.history(CourseId::generate(), 0).await.unwrap(), None);
    }
}
