//! `GET /?course_id=`, on both engines.

use super::classroom::Classroom;
use crate::server::Server;
use contracts::{CourseId, CourseRole, VideoId};
use reqwest::Method;
use std::time::Duration;
use testing::{Person, Reply};

async fn list(server: &Server, person: &Person, query: &str) -> Reply {
    server
        .ask(person, Method::GET, &format!("/api/v1/content?{query}"))
        .await
}

fn ids(reply: &Reply) -> Vec<VideoId> {
    let items = reply.is(200).json["items"].as_array().unwrap();
    items
        .iter()
        .map(|item| item["id"].as_str().unwrap().parse().unwrap())
        .collect()
}

#[tokio::test]
async fn a_course_lists_what_the_caller_may_watch_in_the_order_of_its_outline() {
    for server in Server::on_each_engine().await {
        let owner = Person::instructor();
        let mut videos = Vec::new();
        for _ in 0..4 {
            videos.push(server.lecture(&owner).await);
        }
        videos.reverse();
        let mut classroom = Classroom::open(&server, &videos).await;
        let learner = classroom.learner().await;
        let assistant = Person::learner();
        classroom.enrol(&assistant, CourseRole::Assistant).await;
        let (course, later) = (classroom.id, server.clock.now() + Duration::from_secs(60));
        let of_course = format!("course_id={course}");
        classroom.change(|it| it.modules[1].opens_at = Some(later)).await;
        let open = [videos[0], videos[2], videos[3]];
        let seen = list(&server, &learner, &of_course).await;
        assert_eq!(ids(&seen), open);
        assert!(seen.json["items"][0]["source"]["filename"].is_null());
        for all in [&assistant, &owner] {
            assert_eq!(ids(&list(&server, all, &of_course).await), videos);
        }
        let seen = list(&server, &owner, &of_course).await;
        assert_eq!(seen.json["items"][0]["source"]["filename"], "exam.mp4");
        assert_eq!(ids(&list(&server, &Person::learner(), &of_course).await), []);
        let first = list(&server, &learner, &format!("{of_course}&limit=2")).await;
        assert_eq!(ids(&first), open[..2]);
        let cursor = first.json["next_cursor"].as_str().unwrap();
        let second = list(&server, &learner, &format!("{of_course}&limit=2&cursor={cursor}")).await;
        assert_eq!(
            (ids(&second), second.json["next_cursor"].is_null()),
            (open[2..].to_vec(), true)
        );
        for nothing in [
            format!("{of_course}&status=failed"),
            format!("course_id={}", CourseId::generate()),
        ] {
            assert_eq!(ids(&list(&server, &learner, &nothing).await), []);
        }
        let wrong = list(&server, &owner, &format!("{of_course}&owner=me&failed=true")).await;
        assert_eq!(wrong.is(422).fields(), ["owner"]);
    }
}
