//! Who was there.

use super::publisher::{LIVE, Publisher, of};
use crate::server::Server;
use contracts::{Role, VideoId};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;
use testing::Person;

impl Server {
    /// Begins a lecture for everybody who is signed in; returns its owner, its id and its publisher.
    async fn lecture_for_all(&self) -> (Person, VideoId, Publisher<'_>) {
        let owner = Person::instructor();
        let (key, id) = of(&self.announce(&owner).await);
        let shared = self.request_by(&owner, Method::PATCH, &format!("/api/v1/content/{id}"));
        self.send(shared.json(&json!({"visibility": "signed_in"})))
            .await
            .is(200);
        let mut publisher = Publisher::come(self, &key).await;
        publisher.send(5).await;
        (owner, id, publisher)
    }

    /// Opens a session of a lecture and begins to watch.
    async fn attends(&self, viewer: &Person, id: VideoId) -> Value {
        let session = self.session(viewer, id).await.is(200).json.clone();
        self.text(session["hls_url"].as_str().unwrap()).await;
        session
    }

    /// Who attended a lecture, from when to when.
    async fn attendance(&self, owner: &Person, id: VideoId) -> Vec<Value> {
        let path = format!("/{id}/attendance");
        let attendance = self.live(owner, Method::GET, &path, &Value::Null).await;
        let items = attendance.is(200).json["items"].as_array().unwrap();
        let times = items.iter().map(|it| json!([it["user_id"], it["from"], it["until"]]));
        times.collect()
    }
}

#[tokio::test]
async fn a_teacher_sees_who_attended_from_when_to_when_also_as_a_table() {
    let server = Server::start().await;
    let viewer = Person::learner();
    server.courses().has_account(viewer.id, Role::Learner, true);
    let (owner, id, _publisher) = server.lecture_for_all().await;
    let came = server.clock.now();
    let index = server.index_of(&viewer, id).await;
    server.text(&index).await;
    server.clock.advance(Duration::from_secs(20));
    server.text(&index).await;
    let attendance = server
        .live(&owner, Method::GET, &format!("/{id}/attendance"), &Value::Null)
        .await;
    let items = attendance.is(200).json["items"].clone();
    assert_eq!(items.as_array().unwrap().len(), 1, "{items}");
    assert_eq!(
        (&items[0]["user_id"], &items[0]["name"]),
        (&json!(viewer.id), &json!("Somebody"))
    );
    assert_eq!(items[0]["from"], json!(came));
    assert_eq!(items[0]["until"], json!(came + Duration::from_secs(20)));
    let table = server.request_by(&owner, Method::GET, &format!("{LIVE}/{id}/attendance"));
    let table = server.send(table.header("accept", "text/csv")).await;
    let text = String::from_utf8(table.bytes.to_vec()).unwrap();
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(text.starts_with("\u{feff}user_id,name,"), "{text}");
    assert!(
        text.lines()
            .nth(1)
            .unwrap()
            .starts_with(&format!("{},\"Somebody\",", viewer.id)),
        "{text}"
    );
    // a recording that is watched later is no attendance
    server
        .live(&owner, Method::POST, &format!("/{id}/end"), &Value::Null)
        .await
        .is(200);
    server.clock.advance(Duration::from_secs(3_600));
    let index = server.index_of(&Person::admin(), id).await;
    server.text(&index).await;
    let later = server
        .live(&owner, Method::GET, &format!("/{id}/attendance"), &Value::Null)
        .await;
    assert_eq!(later.json["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn whoever_has_left_stays_in_the_attendance_when_they_open_another_session() {
    for server in Server::on_each_engine().await {
        let viewer = Person::learner();
        let (owner, id, _publisher) = server.lecture_for_all().await;
        let mut expected = Vec::new();
        for _ in 0..2 {
            let came = server.clock.now();
            let session = server.attends(&viewer, id).await;
            server.clock.advance(Duration::from_secs(20));
            let end = server.request(Method::POST, session["end_url"].as_str().unwrap());
            server.send(end).await.is(204);
            expected.push(json!([viewer.id, came, came + Duration::from_secs(20)]));
            assert_eq!(server.attendance(&owner, id).await, expected);
            server.clock.advance(Duration::from_secs(61));
        }
    }
}

#[tokio::test]
async fn whoever_goes_on_with_the_recording_attended_until_the_lecture_ended() {
    for server in Server::on_each_engine().await {
        let viewer = Person::learner();
        let (owner, id, _publisher) = server.lecture_for_all().await;
        let came = server.clock.now();
        let session = server.attends(&viewer, id).await;
        server.clock.advance(Duration::from_secs(20));
        server
            .live(&owner, Method::POST, &format!("/{id}/end"), &Value::Null)
            .await
            .is(200);
        for _ in 0..3 {
            server.clock.advance(Duration::from_secs(60));
            server.text(session["hls_url"].as_str().unwrap()).await;
            // comes only now
            server.attends(&Person::admin(), id).await;
        }
        let expected = [json!([viewer.id, came, came + Duration::from_secs(20)])];
        assert_eq!(server.attendance(&owner, id).await, expected);
        let end = server.request(Method::POST, session["end_url"].as_str().unwrap());
        server.send(end).await.is(204);
        assert_eq!(server.attendance(&owner, id).await, expected);
    }
}

#[tokio::test]
async fn what_somebody_watches_live_counts_as_watched_of_the_recording() {
    for server in Server::on_each_engine().await {
        let viewer = Person::learner();
        let (owner, id, mut publisher) = server.lecture_for_all().await;
        let path = format!("/api/v1/content/{id}/watch");
        let reports = async |from: f64, to: f64| {
            let report = json!({"position": to, "intervals": [[from, to]]});
            let request = server.request_by(&viewer, Method::POST, &path).json(&report);
            server.send(request).await.is(204);
            let progress = server.ask(&viewer, Method::GET, &path).await;
            let number = |name: &str| progress.json[name].as_f64().unwrap();
            let completed = progress.json["completed"].as_bool().unwrap();
            (number("position"), number("seconds"), completed)
        };
        assert_eq!(reports(2.0, 4.0).await, (4.0, 2.0, false));
        // What is still to come, nobody has seen.
        let (position, seconds, completed) = reports(4.0, 9_999.0).await;
        assert!((4.5..6.0).contains(&position) && !completed, "{position}");
        assert!((seconds - (position - 2.0)).abs() < 0.01, "{seconds}");
        publisher.send(5).await;
        server
            .live(&owner, Method::POST, &format!("/{id}/end"), &Value::Null)
            .await
            .is(200);
        let video = server.ask(&owner, Method::GET, &format!("/api/v1/content/{id}")).await;
        let length = video.is(200).json["duration"].as_f64().unwrap();
        let (_, seconds, completed) = reports(4.0, 9_999.0).await;
        assert!((seconds - (length - 2.0)).abs() < 0.01 && !completed, "{seconds}");
        assert_eq!(reports(0.0, 2.0).await, (2.0, length, true));
    }
}

#[tokio::test]
async fn whoever_goes_without_a_word_attended_until_they_were_last_seen() {
    for server in Server::on_each_engine().await {
        let viewer = Person::learner();
        let (owner, id, _publisher) = server.lecture_for_all().await;
        let mut expected = Vec::new();
        // each visit ends the session of the one before
        for _ in 0..2 {
            let came = server.clock.now();
            server.attends(&viewer, id).await;
            expected.push(json!([viewer.id, came, came]));
            server.clock.advance(Duration::from_secs(120));
        }
        assert_eq!(server.attendance(&owner, id).await, expected);
    }
}
