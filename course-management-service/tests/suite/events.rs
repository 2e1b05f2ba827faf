//! What other services hear of courses.

use crate::server::{Server, id};
use contracts::events::{
    CourseChanged, EnrolmentChanged, EnrolmentEnded, UserDeactivated, UserReactivated, VideoDeleted,
};
use contracts::{CourseAccess, CourseRole, CourseStatus, Event, EventData, NewEvent};
use serde_json::json;
use std::collections::BTreeMap;
use testing::until;
use tokio::sync::broadcast::Receiver;

/// The next events, as many as are expected.
async fn next(events: &mut Receiver<Event>, count: usize) -> Vec<Event> {
    let mut all = Vec::new();
    until("the events arrive", || {
        while let Ok(event) = events.try_recv() {
            all.push(event);
        }
        let arrived = all.len() >= count;
        async move { arrived }
    })
    .await;
    assert_eq!(all.len(), count, "{all:#?}");
    all
}

fn course(event: &Event) -> &CourseChanged {
    match &event.data {
        EventData::CourseChanged(data) => data,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn each_change_of_a_course_says_all_that_decides_who_may_watch() {
    for server in Server::on_each_engine().await {
        let (owner, mut events) = (server.instructor(), server.events().await);
        let path = server.course(&owner, json!({"access": "open"})).await;
        let first = next(&mut events, 2).await;
        let enrolled = EnrolmentChanged {
            course_id: id(&path).parse().unwrap(),
            user_id: owner.id,
            role: CourseRole::Owner,
        };
        assert!(
            first
                .iter()
                .any(|event| event.data == EventData::from(enrolled.clone()))
        );
        let module = server.module(&owner, &path, "One").await;
        let video = server.world.film(&owner, "a", "ready");
        let item = server.item(&owner, &module, video).await;
        server
            .patch(&owner, &module, json!({"opens_at": "2030-01-01T00:00:00Z"}))
            .await
            .is(200);
        server.post(&owner, &format!("{path}/publish"), json!({})).await.is(200);
        let all = next(&mut events, 4).await;
        assert!(all.iter().all(|event| event.subject.to_string() == id(&path)));
        let sequences: Vec<_> = all.iter().map(|event| event.sequence).collect();
        assert_eq!(sequences, [3, 4, 5, 6]);
        let last = course(&all[3]);
        assert_eq!(
            (last.status, last.access, last.owner_id),
            (CourseStatus::Published, CourseAccess::Open, owner.id)
        );
        assert!(last.modules[0].opens_at.is_some() && last.opens_at.is_none() && last.ends_at.is_none());
        let entry = &last.modules[0].items[0];
        assert_eq!(
            (entry.id.to_string().as_str(), entry.kind.as_str(), entry.content_id),
            (id(&item), "video", video.0)
        );
        assert_eq!(course(&all[2]).status, CourseStatus::Draft);
    }
}

#[tokio::test]
async fn a_membership_is_told_from_joining_to_joining_again_in_the_history_of_its_course() {
    for server in Server::on_each_engine().await {
        let owner = server.instructor();
        let (path, _) = server.published(&owner, json!({})).await;
        let mut events = server.events().await;
        let learner = server.member(&owner, &path, "assistant").await;
        let me = format!("{path}/enrolments/{}", learner.id);
        server.delete(&owner, &me).await.is(204);
        server
            .post(&owner, &format!("{path}/enrolments"), json!({"user_id": learner.id}))
            .await
            .is(201);
        server.tell_of(learner.id, 2, UserDeactivated { version: 2 }).await;
        server.tell_of(learner.id, 3, UserReactivated { version: 3 }).await;
        let all = next(&mut events, 6).await;
        let (course_id, user_id) = (id(&path).parse().unwrap(), learner.id);
        let role = |role| {
            EventData::from(EnrolmentChanged {
                course_id,
                user_id,
                role,
            })
        };
        let ended = || EventData::from(EnrolmentEnded { course_id, user_id });
        let expected = [
            role(CourseRole::Learner),
            role(CourseRole::Assistant),
            ended(),
            role(CourseRole::Learner),
            ended(),
            role(CourseRole::Learner),
        ];
        assert_eq!(all.iter().map(|event| event.data.clone()).collect::<Vec<_>>(), expected);
        assert!(all.iter().all(|event| event.subject.to_string() == id(&path)));
        assert!(
            all.windows(2).all(|pair| pair[1].sequence == pair[0].sequence + 1),
            "{all:#?}"
        );
    }
}

#[tokio::test]
async fn a_handed_over_and_a_deleted_course_say_so() {
    for server in Server::on_each_engine().await {
        let owner = server.instructor();
        let path = server.course(&owner, json!({})).await;
        let heir = server.instructor();
        server
            .post(&owner, &format!("{path}/enrolments"), json!({"user_id": heir.id}))
            .await
            .is(201);
        let mut events = server.events().await;
        let member = format!("{path}/members/{}", heir.id);
        server.put(&owner, &member, json!({"role": "owner"})).await.is(200);
        let roles: BTreeMap<_, _> = next(&mut events, 3)
            .await
            .into_iter()
            .filter_map(|event| match event.data {
                EventData::EnrolmentChanged(data) => Some((data.user_id, data.role)),
                EventData::CourseChanged(data) => Some((data.owner_id, CourseRole::Owner)),
                _ => None,
            })
            .collect();
        assert_eq!(
            roles,
            BTreeMap::from([(owner.id, CourseRole::Editor), (heir.id, CourseRole::Owner)])
        );
        server.delete(&heir, &path).await.is(204);
        let gone = next(&mut events, 1).await;
        assert_eq!(gone[0].data.kind(), "moocflix.courses.course.deleted");
    }
}

#[tokio::test]
async fn a_deleted_lecture_stays_visible_to_teachers_and_leaves_the_events() {
    for server in Server::on_each_engine().await {
        let owner = server.instructor();
        let (path, video) = server.published(&owner, json!({})).await;
        let before = server.read(&owner, &path).await;
        let mut events = server.events().await;
        let deleted = VideoDeleted {
            owner_id: owner.id,
            policy_version: 2,
        };
        server.tell(NewEvent::of_video(video, deleted.into()), 2).await;
        let changed = next(&mut events, 1).await;
        assert!(course(&changed[0]).modules[0].items.is_empty());
        // The content service still answers, as it may while it sweeps.
        let after = server.read(&owner, &path).await;
        assert_eq!(after.json["modules"][0]["items"][0]["state"], "deleted");
        assert_eq!(
            after.header("etag"),
            before.header("etag"),
            "nobody has edited the course"
        );
    }
}

#[tokio::test]
async fn what_is_refused_says_nothing() {
    for server in Server::on_each_engine().await {
        let owner = server.instructor();
        let (path, _) = server.published(&owner, json!({})).await;
        let learner = server.member(&owner, &path, "learner").await;
        let mut events = server.events().await;
        server.patch(&learner, &path, json!({"title": "x"})).await.is(403);
        server.post(&owner, &format!("{path}/publish"), json!({})).await.is(200);
        server
            .post(&learner, &format!("{path}/enrolments"), json!({}))
            .await
            .is(200);
        server.delete(&owner, &path).await.is(409);
        server.patch(&owner, &path, json!({"title": "y"})).await.is(200);
        assert_eq!(
            next(&mut events, 1).await[0].data.kind(),
            "moocflix.courses.course.changed"
        );
    }
}
