//! `GET /{videoId}/access`, on both engines.

use super::classroom::Classroom;
use crate::server::Server;
use contracts::{CourseAccess, CourseStatus, Timestamp, UserId, VideoId};
use reqwest::Method;
use serde_json::json;
use std::fmt::Display;
use testing::{Person, Reply};

async fn access(server: &Server, by: &Person, video: impl Display, user: impl Display) -> Reply {
    let path = format!("/api/v1/content/{video}/access?user={user}");
    server.ask(by, Method::GET, &path).await
}

#[tokio::test]
async fn admins_learn_who_may_watch_why_and_how_long() {
    for server in Server::on_each_engine().await {
        let (owner, admin, stranger) = (Person::instructor(), Person::admin(), Person::learner());
        let video = server.lecture(&owner).await;
        let gone = server.lecture(&owner).await;
        server
            .ask(&owner, Method::DELETE, &format!("/api/v1/content/{gone}/delete"))
            .await
            .is(202);
        let mut classroom = Classroom::open(&server, &[video]).await;
        let learner = classroom.learner().await;
        for person in [&owner, &admin, &stranger, &learner] {
            server.courses().has_account(person.id, person.role, true);
        }
        let end = Timestamp::from_seconds(server.clock.now().seconds() + 60);
        classroom.change(|it| it.ends_at = Some(end)).await;
        let said = async |video: String, user: UserId| {
            let answer = access(&server, &admin, video, user).await;
            let answer = &answer.is(200).json;
            (
                answer["allowed"].as_bool().unwrap(),
                answer["reason"].clone(),
                answer["until"].clone(),
            )
        };
        let of = async |person: &Person| said(video.to_string(), person.id).await;
        let answer = |allowed, reason: &str, until: serde_json::Value| (allowed, json!(reason), until);
        assert_eq!(of(&owner).await, answer(true, "owner", json!(null)));
        assert_eq!(of(&admin).await, answer(true, "admin", json!(null)));
        assert_eq!(of(&learner).await, answer(true, "course", json!(end)));
        assert_eq!(of(&stranger).await, answer(false, "nothing", json!(null)));
        assert_eq!(
            said(video.to_string(), UserId::generate()).await,
            answer(false, "no_account", json!(null))
        );
        server.courses().has_account(learner.id, learner.role, false);
        assert_eq!(of(&learner).await, answer(false, "account_deactivated", json!(null)));
        server.courses().has_account(learner.id, learner.role, true);
        classroom.change(|it| it.status = CourseStatus::Archived).await;
        assert_eq!(of(&learner).await, answer(false, "not_open", json!(null)));
        for (video, reason) in [
            (gone.to_string(), "video_deleted"),
            (VideoId::generate().to_string(), "not_found"),
            ("no-id".to_owned(), "not_found"),
        ] {
            assert_eq!(said(video, owner.id).await, answer(false, reason, json!(null)));
        }
        classroom
            .change(|it| (it.status, it.access, it.ends_at) = (CourseStatus::Published, CourseAccess::Public, None))
            .await;
        assert_eq!(
            said(video.to_string(), UserId::generate()).await,
            answer(true, "course", json!(null))
        );
        assert_eq!(access(&server, &admin, video, "nobody").await.json["reason"], "course");
        let shouted = owner.id.to_string().to_uppercase();
        assert_eq!(access(&server, &admin, video, shouted).await.json["reason"], "owner");
        access(&server, &owner, video, owner.id)
            .await
            .is_problem(403, "admin_required");
    }
}
