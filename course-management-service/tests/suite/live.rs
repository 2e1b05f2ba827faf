//! Which courses are live, and when what is scheduled begins.

use crate::server::{Server, column};
use serde_json::{Value, json};
use std::time::Duration;
use testing::{Person, Reply};

/// The titles of the courses of a list that are live.
fn live(list: &Reply) -> Vec<&str> {
    let courses = list.is(200).json["items"].as_array().unwrap().iter();
    let live = courses.filter(|course| course["live"] == true);
    live.map(|course| course["title"].as_str().unwrap()).collect()
}

async fn is_live(server: &Server, by: &Person, course: &str) -> Value {
    server.read(by, course).await.is(200).json["live"].clone()
}

#[tokio::test]
async fn a_course_is_live_to_those_who_may_watch_what_is_live_in_it() {
    for server in Server::on_each_engine().await {
        let owner = server.instructor();
        let (seminar, video) = server.published(&owner, json!({"title": "Seminar"})).await;
        let (open, other) = server
            .published(&owner, json!({"title": "Open", "access": "open"}))
            .await;
        server.published(&owner, json!({"title": "Recorded"})).await;
        let (learner, visitor) = (server.member(&owner, &seminar, "learner").await, server.learner());
        assert_eq!(live(&server.read(&owner, "?mine=true").await), [""; 0]);
        server.world.set_status(video, "live");
        server.world.set_status(other, "live");
        for (person, list, meant) in [
            (&owner, "?mine=true", vec!["Open", "Seminar"]),
            (&learner, "?mine=true", vec!["Seminar"]),
            (&learner, "", vec!["Open", "Seminar"]),
            (&learner, "?limit=1", vec![]),
            (&visitor, "", vec!["Open"]),
        ] {
            assert_eq!(live(&server.read(person, list).await), meant, "{list}");
        }
        assert_eq!(is_live(&server, &learner, &seminar).await, true);
        assert_eq!(is_live(&server, &visitor, &seminar).await, false);
        assert_eq!(is_live(&server, &visitor, &open).await, true);

        // What is not open yet is not live to learners.
        let module = server.read(&owner, &seminar).await.json["modules"][0]["id"].clone();
        let module = format!("{seminar}/modules/{}", module.as_str().unwrap());
        let later = server.clock.now() + Duration::from_secs(60);
        server.patch(&owner, &module, json!({"opens_at": later})).await.is(200);
        assert_eq!(live(&server.read(&learner, "?mine=true").await), [""; 0]);
        assert_eq!(is_live(&server, &learner, &seminar).await, false);
        assert_eq!(live(&server.read(&owner, "?mine=true").await), ["Open", "Seminar"]);
        server.clock.advance(Duration::from_secs(60));
        assert_eq!(live(&server.read(&learner, "?mine=true").await), ["Seminar"]);

        // Nobody answers: the courses are listed all the same.
        server.world.be_silent(true);
        let list = server.read(&owner, "?mine=true").await;
        assert_eq!(live(&list), [""; 0]);
        assert_eq!(column(&list, "title"), ["Recorded", "Open", "Seminar"]);
        server.world.be_silent(false);
        server.world.set_status(video, "ready");
        assert_eq!(live(&server.read(&learner, "?mine=true").await), [""; 0]);
    }
}

#[tokio::test]
async fn the_outline_shows_when_a_scheduled_lecture_begins_to_those_who_may_watch_it() {
    for server in Server::on_each_engine().await {
        let owner = server.instructor();
        let (course, video) = server.published(&owner, json!({})).await;
        let learner = server.member(&owner, &course, "learner").await;
        let begins = server.clock.now() + Duration::from_secs(3_600);
        server.world.schedule(video, begins);
        let item = async |person: &Person| {
            let shown = server.read(person, &course).await;
            let item = shown.is(200).json["modules"][0]["items"][0].clone();
            (item["state"].clone(), item["starts_at"].clone())
        };
        assert_eq!(item(&learner).await, (json!("scheduled"), json!(begins)));
        assert_eq!(item(&server.learner()).await, (Value::Null, Value::Null));
        assert_eq!(is_live(&server, &learner, &course).await, false);
        server.world.set_status(video, "live");
        assert_eq!(item(&learner).await, (json!("live"), Value::Null));
    }
}
