//! Announcing lectures, and what others see of them.

use super::publisher::{LIVE, Publisher, of};
use crate::courses::classroom::code;
use crate::server::Server;
use content_delivery_service::LectureAnswers;
use contracts::questions::Lectures as _;
use contracts::questions::live::{Bearer, Refused, WatchAsked};
use contracts::{Roles, VideoId};
use reqwest::Method;
use serde_json::{Value, json};
use std::net::IpAddr;
use testing::Person;

const NOTHING: Value = Value::Null;

#[tokio::test]
async fn a_lecture_is_announced_changed_and_listed_on_each_engine() {
    for server in Server::on_each_engine().await {
        let owner = Person::instructor();
        let body = json!({"title": " Graphs ", "description": "and trees", "starts_at": "2030-01-02T03:04:05Z"});
        let reply = server.live(&owner, Method::POST, "", &body).await;
        let lecture = reply.is(201).json.clone();
        let (key, id) = of(&lecture);
        assert_eq!(reply.header("location"), format!("{LIVE}/{id}"));
        assert_eq!(
            (&lecture["title"], &lecture["status"]),
            (&json!("Graphs"), &json!("scheduled"))
        );
        assert_eq!(lecture["ingest"]["whip_url"], json!(format!("{LIVE}/{id}/whip")));
        assert_eq!(lecture["ingest"]["rtmp_url"], json!("rtmp://127.0.0.1:1935/live"));
        let shown = server.live(&owner, Method::GET, &format!("/{id}"), &NOTHING).await;
        assert_eq!(
            shown.is(200).json["ingest"]["stream_key"],
            json!(key),
            "the key is shown again"
        );
        let stale = server.request_by(&owner, Method::PATCH, &format!("{LIVE}/{id}"));
        let stale = stale.header("if-match", "\"7.1\"").json(&json!({"title": "Trees"}));
        server.send(stale).await.is_problem(412, "stale");
        let change = server.request_by(&owner, Method::PATCH, &format!("{LIVE}/{id}"));
        let change = change
            .header("if-match", shown.header("etag"))
            .json(&json!({"title": "Trees", "starts_at": null}));
        let changed = server.send(change).await;
        assert_eq!(changed.is(200).json["title"], json!("Trees"));
        assert_eq!(changed.json["starts_at"], NOTHING);
        let second = server.announce(&owner).await;
        let page = server.live(&owner, Method::GET, "?limit=1", &NOTHING).await;
        assert_eq!(page.is(200).json["items"][0]["id"], second["id"]);
        let cursor = page.json["next_cursor"].as_str().unwrap();
        let page = server
            .live(&owner, Method::GET, &format!("?limit=1&cursor={cursor}"), &NOTHING)
            .await;
        assert_eq!(page.json["items"][0]["id"], lecture["id"]);
        assert_eq!(page.json["next_cursor"], NOTHING);
        let video = server.ask(&owner, Method::GET, &format!("/api/v1/content/{id}")).await;
        assert_eq!(video.is(200).json["status"], json!("scheduled"));
    }
}

#[tokio::test]
async fn other_services_ask_what_is_live_and_when_what_is_announced_begins() {
    let server = Server::start().await;
    let owner = Person::instructor();
    let body = json!({"title": "Graphs", "starts_at": "2030-01-02T03:04:05Z"});
    let lecture = server.live(&owner, Method::POST, "", &body).await.is(201).json.clone();
    let (key, id) = of(&lecture);
    let answers = LectureAnswers::new(server.db.clone());
    let shown = async || {
        let found = answers.lectures(&[id], owner.id, false).await.unwrap().remove(0);
        (found.status, json!(found.starts_at), answers.live().await.unwrap())
    };
    let announced = ("scheduled".to_owned(), lecture["starts_at"].clone(), vec![]);
    assert_eq!(shown().await, announced);
    let mut publisher = Publisher::come(&server, &key).await;
    publisher.send(3).await;
    assert_eq!(shown().await, ("live".to_owned(), NOTHING, vec![id]));
    server
        .live(&owner, Method::POST, &format!("/{id}/end"), &NOTHING)
        .await
        .is(200);
    assert_eq!(answers.live().await.unwrap(), []);
}

#[tokio::test]
async fn a_repeated_request_announces_one_lecture() {
    let server = Server::start().await;
    let owner = Person::instructor();
    let announce = |title: &str| {
        let request = server
            .request_by(&owner, Method::POST, LIVE)
            .header("idempotency-key", "one");
        server.send(request.json(&json!({ "title": title })))
    };
    let (first, second) = (announce("Graphs").await, announce("Graphs").await);
    assert_eq!(first.is(201).json["id"], second.is(201).json["id"]);
    announce("Trees").await.is_problem(422, "idempotency_mismatch");
    assert_eq!(server.rows().await, 1);
}

#[tokio::test]
async fn only_teachers_announce_and_strangers_learn_nothing() {
    let server = Server::start().await;
    let owner = Person::instructor();
    let refused = server
        .live(&Person::learner(), Method::POST, "", &json!({"title": "Graphs"}))
        .await;
    refused.is_problem(403, "instructor_required");
    let (_, id) = of(&server.announce(&owner).await);
    for stranger in [Person::learner(), Person::instructor()] {
        for (method, path) in [
            (Method::GET, String::new()),
            (Method::POST, "/key".to_owned()),
            (Method::POST, "/end".to_owned()),
            (Method::GET, "/attendance".to_owned()),
        ] {
            let reply = server.live(&stranger, method, &format!("/{id}{path}"), &NOTHING).await;
            assert_eq!(code(&reply), (404, "video_not_found".to_owned()), "{path}");
        }
    }
    let admins = server
        .live(&Person::admin(), Method::GET, &format!("/{id}"), &NOTHING)
        .await;
    assert!(
        admins.is(200).json["ingest"]["stream_key"].is_string(),
        "admins may publish"
    );
}

#[tokio::test]
async fn a_viewer_sees_the_lecture_without_its_key() {
    let server = Server::start().await;
    let (owner, viewer) = (Person::instructor(), Person::learner());
    let (key, id) = of(&server.announce(&owner).await);
    let shared = server.request_by(&owner, Method::PATCH, &format!("/api/v1/content/{id}"));
    server
        .send(shared.json(&json!({"visibility": "signed_in"})))
        .await
        .is(200);
    let early = server.session(&viewer, id).await;
    early.is_problem(409, "not_playable");
    let mut publisher = Publisher::come(&server, &key).await;
    publisher.send(6).await;
    let seen = server.live(&viewer, Method::GET, &format!("/{id}"), &NOTHING).await;
    assert_eq!(seen.is(200).json["status"], json!("live"));
    assert_eq!(
        (&seen.json["ingest"], &seen.json["publishing"]),
        (&NOTHING, &json!(true))
    );
    let index = server.index_of(&viewer, id).await;
    assert!(server.text(&index).await.contains("#EXT-X-STREAM-INF"));
    let seen = server.live(&viewer, Method::GET, &format!("/{id}"), &NOTHING).await;
    assert_eq!(seen.json["viewers"], json!(1));
    drop(publisher);
    let seen = server.live(&viewer, Method::GET, &format!("/{id}"), &NOTHING).await;
    assert_eq!(
        (&seen.json["status"], &seen.json["publishing"]),
        (&json!("live"), &json!(false))
    );
}

#[tokio::test]
async fn a_visitor_with_the_link_learns_when_the_lecture_began() {
    for server in Server::on_each_engine().await {
        let owner = Person::instructor();
        let (key, id) = of(&server.announce(&owner).await);
        let video = format!("/api/v1/content/{id}");
        let shared = server.request_by(&owner, Method::PATCH, &video);
        let shared = server.send(shared.json(&json!({"visibility": "link"}))).await;
        let page = shared.is(200).json["share_url"].as_str().unwrap();
        let seen = format!("{video}?{}", page.split_once('?').unwrap().1);
        assert_eq!(server.get(&seen).await.is(200).json["playable_at"], NOTHING);
        let mut publisher = Publisher::come(&server, &key).await;
        publisher.send(5).await;
        let lecture = server.live(&owner, Method::GET, &format!("/{id}"), &NOTHING).await;
        let began = &lecture.is(200).json["started_at"];
        let visitor = server.get(&seen).await;
        assert_eq!(
            (&visitor.is(200).json["status"], &visitor.json["playable_at"]),
            (&json!("live"), began)
        );
        assert_eq!(visitor.json["owner_id"], NOTHING);
        server
            .live(&owner, Method::POST, &format!("/{id}/end"), &NOTHING)
            .await
            .is(200);
        let visitor = server.get(&seen).await;
        assert_eq!(
            (&visitor.is(200).json["status"], &visitor.json["playable_at"]),
            (&json!("playable"), began)
        );
    }
}

#[tokio::test]
async fn a_lecture_that_ends_before_it_begins_has_failed() {
    let server = Server::start().await;
    let owner = Person::instructor();
    let (key, id) = of(&server.announce(&owner).await);
    for _ in 0..2 {
        let ended = server.live(&owner, Method::POST, &format!("/{id}/end"), &NOTHING).await;
        assert_eq!(
            (&ended.is(200).json["status"], &ended.json["ingest"]),
            (&json!("ended"), &NOTHING)
        );
    }
    let video = server.ask(&owner, Method::GET, &format!("/api/v1/content/{id}")).await;
    assert_eq!(video.json["reason"]["code"], json!("not_recorded"));
    let refused = server
        .may_publish(None, contracts::questions::live::Publisher::Key(key))
        .await;
    assert_eq!(refused, Err(contracts::questions::live::Refused::Ended));
}

/// A request to watch by WebRTC at a node that has a place, or none.
fn watching(video: VideoId, viewer: Option<&Person>, is_full: bool) -> WatchAsked {
    let bearer = |person: &Person| Bearer {
        user: person.id,
        session: person.session,
        roles: Roles::from(person.role),
        version: person.version,
    };
    WatchAsked {
        video,
        viewer: viewer.map(bearer),
        link: None,
        user_agent: String::new(),
        network: IpAddr::from([192, 0, 2, 1]),
        request: String::new(),
        is_full,
    }
}

#[tokio::test]
async fn that_a_node_has_no_place_is_told_to_those_who_may_watch_alone_and_opens_no_session() {
    let server = Server::start().await;
    let (owner, stranger) = (Person::instructor(), Person::learner());
    let (key, id) = of(&server.announce(&owner).await);
    let _publisher = Publisher::come(&server, &key).await;
    let door = server.rooms.door().unwrap();
    for (viewer, expected) in [
        (None, Refused::Unauthenticated),
        (Some(&stranger), Refused::NotFound),
        (Some(&owner), Refused::Full),
    ] {
        let refused = door.watch(watching(id, viewer, true)).await.unwrap().unwrap_err();
        assert_eq!(refused, expected);
    }
    assert_eq!(server.playbacks().await, 0);
    door.watch(watching(id, Some(&owner), false)).await.unwrap().unwrap();
    assert_eq!(server.playbacks().await, 1);
}
