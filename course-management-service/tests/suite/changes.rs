//! What other services are answered when they ask what has changed, on both engines.

use crate::server::{Server, id};
use contracts::events::{UserDeactivated, UserReactivated};
use contracts::questions::{ChangePosition, Courses as _, LastEvent};
use contracts::{CourseId, Event, EventData, Timestamp, UserId};
use course_management_service::CourseAnswers;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;
use testing::{Person, until};
use tokio::sync::broadcast::Receiver;
use uuid::Uuid;

type Last = BTreeMap<Uuid, LastEvent>;

/// Everything that has changed since a moment, by aggregate.
async fn changed(answers: &CourseAnswers, at: Timestamp) -> Last {
    let mut position = Some(ChangePosition { at, id: Uuid::nil() });
    let mut all = BTreeMap::new();
    while let Some(next) = position {
        let changes = answers.changed_after(next).await.unwrap();
        all.extend(changes.events.into_iter().map(|it| (it.subject, it)));
        position = changes.next;
    }
    all
}

/// A published course of two lectures in three modules, with an editor and somebody who has left.
async fn busy_course(server: &Server, owner: &Person) -> (String, Person, Person) {
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
    let editor = server.member(owner, &course, "editor").await;
    let leaver = server.member(owner, &course, "learner").await;
    server.delete(&leaver, &format!("{course}/enrolments/me")).await.is(204);
    (course, editor, leaver)
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

/// Waits until the answer is the last event of each aggregate, without memberships of a deleted course.
async fn agree(answers: &CourseAnswers, events: &mut Receiver<Event>, deleted: Uuid) -> usize {
    let mut heard = Last::new();
    until("the answer is what was heard", || {
        while let Ok(event) = events.try_recv() {
            let (subject, sequence, data) = (event.subject, event.sequence, event.data);
            heard.insert(
                subject,
                LastEvent {
                    subject,
                    sequence,
                    data,
                },
            );
        }
        let mut expected = heard.clone();
        expected.retain(|_, it| match &it.data {
            EventData::EnrolmentChanged(now) => now.course_id.0 != deleted,
            EventData::EnrolmentEnded(ended) => ended.course_id.0 != deleted,
            _ => true,
        });
        async move { changed(answers, Timestamp(0)).await == expected }
    })
    .await;
    heard.len()
}

#[tokio::test]
async fn the_answer_is_the_last_event_of_each_aggregate() {
    for server in Server::on_each_engine().await {
        let (owner, mut events) = (server.instructor(), server.events().await);
        busy_course(&server, &owner).await;
        let (second, _) = server.published(&owner, json!({})).await;
        let suspended = server.member(&owner, &second, "learner").await;
        server.tell_of(suspended.id, 1, UserDeactivated { version: 2 }).await;
        let deleted = deleted_course(&server, &owner).await;
        let answers = CourseAnswers::new(server.db.clone());
        let heard = agree(&answers, &mut events, deleted).await;
        assert!(heard >= 8, "{heard}");

        let later = server.clock.now() + Duration::from_secs(1);
        assert_eq!(changed(&answers, later).await, Last::new());
        server.clock.advance(Duration::from_secs(2));
        server.tell_of(suspended.id, 2, UserReactivated { version: 3 }).await;
        server.patch(&owner, &second, json!({"title": "Trees"})).await.is(200);
        assert_eq!(changed(&answers, later).await.len(), 2);
    }
}

#[tokio::test]
async fn a_course_and_a_member_are_answered_with_their_last_events() {
    for server in Server::on_each_engine().await {
        let owner = server.instructor();
        let (course, editor, leaver) = busy_course(&server, &owner).await;
        let deleted = deleted_course(&server, &owner).await;
        let answers = CourseAnswers::new(server.db.clone());
        let of = async |course: CourseId, user: UserId| {
            let events = answers.last_events(course, user).await.unwrap();
            events.into_iter().map(|it| it.data.kind()).collect::<Vec<_>>()
        };
        let course: CourseId = id(&course).parse().unwrap();
        let (changed, enrolled, ended) = (
            "moocflix.courses.course.changed",
            "moocflix.courses.enrolment.changed",
            "moocflix.courses.enrolment.ended",
        );
        assert_eq!(of(course, editor.id).await, [changed, enrolled]);
        assert_eq!(of(course, leaver.id).await, [changed, ended]);
        assert_eq!(of(course, UserId::generate()).await, [changed]);
        assert_eq!(of(deleted.into(), owner.id).await, ["moocflix.courses.course.deleted"]);
    }
}
