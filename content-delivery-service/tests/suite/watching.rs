//! How far people have watched lectures: what players report, and what is shown of it, on both engines.

use crate::playback::films::Film;
use crate::server::Server;
use content_delivery_service::WatchAnswers;
use contracts::VideoId;
use contracts::questions::Watching as _;
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;
use testing::{Person, Reply};

fn path(video: VideoId) -> String {
    format!("/api/v1/content/{video}/watch")
}

impl Server {
    async fn reports(&self, person: &Person, video: VideoId, report: &Value) -> Reply {
        let request = self.request_by(person, Method::POST, &path(video));
        self.send(request.json(report)).await
    }

    async fn watched(&self, person: &Person, video: VideoId) -> Value {
        let reply = self.ask(person, Method::GET, &path(video)).await;
        assert_eq!(reply.is(200).header("cache-control"), "no-store");
        reply.json
    }
}

fn report(position: f64, intervals: &[[f64; 2]]) -> Value {
    json!({"position": position, "intervals": intervals})
}

#[tokio::test]
async fn what_was_seen_is_added_up_and_the_last_position_counts() {
    for server in Server::with_worker_on_each_engine().await {
        let owner = Person::instructor();
        // 12 s
        let video = server.uploaded(&owner, Film::Lecture).await;
        let nothing = json!({"position": 0.0, "seconds": 0.0, "completed": false});
        assert_eq!(server.watched(&owner, video).await, nothing);

        let first = report(3.5, &[[0.0, 2.0], [1.0, 3.5]]);
        for _ in 0..3 {
            server.reports(&owner, video, &first).await.is(204);
            let seen = json!({"position": 3.5, "seconds": 3.5, "completed": false});
            assert_eq!(server.watched(&owner, video).await, seen);
        }
        server.reports(&owner, video, &report(7.0, &[[6.0, 7.0]])).await.is(204);
        server.reports(&owner, video, &report(1.0, &[])).await.is(204);
        let seen = json!({"position": 1.0, "seconds": 4.5, "completed": false});
        assert_eq!(server.watched(&owner, video).await, seen);

        // Beyond the end there is nothing to see.
        let rest = report(9_999.0, &[[3.0, 9_999.0], [50.0, 60.0]]);
        server.reports(&owner, video, &rest).await.is(204);
        let whole = server.watched(&owner, video).await;
        let length = server.details(&owner, video).await.json["duration"].clone();
        assert_eq!((&whole["position"], &whole["seconds"]), (&length, &length));
        assert_eq!(whole["completed"], true);
        server.reports(&owner, video, &report(0.0, &[])).await.is(204);
        assert_eq!(server.watched(&owner, video).await["completed"], true);
        // Everybody has their own.
        assert_eq!(server.watched(&Person::admin(), video).await, nothing);
    }
}

#[tokio::test]
async fn nine_tenths_complete_a_lecture_and_completed_it_stays() {
    for server in Server::with_worker_on_each_engine().await {
        let owner = Person::instructor();
        let video = server.uploaded(&owner, Film::Lecture).await;
        let length = server.details(&owner, video).await.json["duration"].as_f64().unwrap();
        for (to, completed) in [(length * 0.89, false), (length * 0.901, true), (1.0, true)] {
            server.reports(&owner, video, &report(to, &[[0.0, to]])).await.is(204);
            assert_eq!(server.watched(&owner, video).await["completed"], completed, "{to}");
        }
    }
}

#[tokio::test]
async fn reports_of_several_players_at_once_lose_nothing() {
    for server in Server::with_worker_on_each_engine().await {
        let owner = Person::instructor();
        let video = server.uploaded(&owner, Film::Lecture).await;
        // Every other tenth of a second, from two players in turn; small gaps close.
        let reports: Vec<Value> = (0..40_u32)
            .map(|n| {
                let from = f64::from(n) * 0.25;
                report(from, &[[from, from + 0.25]])
            })
            .collect();
        let sent = reports.iter().map(|report| server.reports(&owner, video, report));
        for reply in join_all(sent).await {
            reply.is(204);
        }
        assert_eq!(server.watched(&owner, video).await["seconds"], 10.0);
    }
}

#[tokio::test]
async fn what_is_no_report_is_refused_with_the_field() {
    let server = Server::with_worker().await;
    let owner = Person::instructor();
    let video = server.uploaded(&owner, Film::Silent).await;
    for (body, field) in [
        (json!({"position": -1.0, "intervals": []}), "position"),
        (json!({"position": "1", "intervals": []}), "position"),
        (json!({"position": null, "intervals": []}), "position"),
        (json!({"intervals": []}), "position"),
        (json!({"position": 1e300, "intervals": []}), "position"),
        (json!({"position": 0.0}), "intervals"),
        (json!({"position": 0.0, "intervals": [[2.0, 1.0]]}), "intervals"),
        (json!({"position": 0.0, "intervals": [[-2.0, 1.0]]}), "intervals"),
        (json!({"position": 0.0, "intervals": [[0.0, 1e300]]}), "intervals"),
        (
            json!({"position": 0.0, "intervals": vec![[0.0, 1.0]; 101]}),
            "intervals",
        ),
    ] {
        let reply = server.reports(&owner, video, &body).await;
        reply.is_problem(422, "invalid_request");
        assert_eq!(reply.fields(), [field], "{body}");
    }
    for body in [
        json!({"position": 0.0, "intervals": [[1.0]]}),
        json!({"position": 0.0, "intervals": [[1.0, 2.0, 3.0]]}),
        json!({"position": 0.0, "intervals": [], "user_id": owner.id}),
    ] {
        server
            .reports(&owner, video, &body)
            .await
            .is_problem(422, "invalid_request");
    }
    let request = server.request_by(&owner, Method::POST, &path(video));
    let request = request.header("content-type", "application/json");
    let infinite = request.body(r#"{"position": 1e999, "intervals": []}"#);
    server.send(infinite).await.is_problem(400, "malformed_json");
    let seen = server.watched(&owner, video).await;
    assert_eq!(seen, json!({"position": 0.0, "seconds": 0.0, "completed": false}));
}

#[tokio::test]
async fn only_those_who_may_watch_report_and_a_deletion_forgets_what_they_did() {
    for server in Server::with_worker_on_each_engine().await {
        let owner = Person::instructor();
        let video = server.uploaded(&owner, Film::Silent).await;
        let one = report(1.0, &[[0.0, 1.0]]);
        let stranger = Person::learner();
        server
            .reports(&stranger, video, &one)
            .await
            .is_problem(404, "video_not_found");
        let asked = server.ask(&stranger, Method::GET, &path(video)).await;
        asked.is_problem(404, "video_not_found");
        server.get(&path(video)).await.is(401);
        server.reports(&owner, video, &one).await.is(204);
        let answers = WatchAnswers::new(server.db.clone());
        assert_eq!(answers.watched(&[owner.id], &[video]).await.unwrap().len(), 1);
        server.delete(&owner, video).await;
        server
            .reports(&owner, video, &one)
            .await
            .is_problem(410, "video_deleted");
        server
            .ask(&owner, Method::GET, &path(video))
            .await
            .is_problem(410, "video_deleted");
        assert_eq!(answers.watched(&[owner.id], &[video]).await.unwrap(), []);
    }
}

#[tokio::test]
async fn other_services_ask_about_many_people_and_lectures_at_once() {
    for server in Server::with_worker_on_each_engine().await {
        let (owner, admin) = (Person::instructor(), Person::admin());
        let one = server.uploaded(&owner, Film::Silent).await;
        let two = server.uploaded(&owner, Film::Lecture).await;
        server.reports(&owner, one, &report(1.0, &[[0.0, 0.5]])).await.is(204);
        server.clock.advance(Duration::from_secs(5));
        server
            .reports(&owner, two, &report(2.0, &[[0.0, 9_999.0]]))
            .await
            .is(204);
        server.reports(&admin, two, &report(3.0, &[])).await.is(204);
        let answers = WatchAnswers::new(server.db.clone());
        let users = [owner.id, admin.id, Person::learner().id, owner.id];
        let mut found = answers.watched(&users, &[two, VideoId::generate(), one]).await.unwrap();
        found.sort_by_key(|it| (it.user != owner.id, it.video != one));
        let shown: Vec<_> = found
            .iter()
            .map(|it| (it.user, it.video, it.position.as_secs(), it.is_completed))
            .collect();
        let expected = [
            (owner.id, one, 1, false),
            (owner.id, two, 2, true),
            (admin.id, two, 3, false),
        ];
        assert_eq!(shown, expected);
        assert_eq!(found[0].seen, Duration::from_millis(500));
        let length = server.details(&owner, two).await.json["duration"].as_f64().unwrap();
        assert_eq!(found[1].duration.map(|it| it.as_secs_f64()), Some(length));
        assert_eq!(found[1].seen.as_secs_f64(), length);
        assert_eq!(found[1].watched_at.since(found[0].watched_at), Duration::from_secs(5));
        assert_eq!(answers.watched(&[], &[one]).await.unwrap(), []);
        assert_eq!(answers.watched(&[owner.id], &[]).await.unwrap(), []);
    }
}
