//! `GET /{videoId}/stream`.

use super::films::Film;
use super::watching::heard;
use crate::server::Server;
use contracts::VideoId;
use reqwest::Method;
use serde_json::Value;
use std::time::Duration;
use testing::Person;

#[tokio::test]
async fn a_player_is_sent_to_the_playlist_and_a_program_gets_the_session() {
    let server = Server::with_worker().await;
    let owner = Person::instructor();
    let video = server.uploaded(&owner, Film::Lecture).await;

    let redirect = server
        .ask(&owner, Method::GET, &format!("/api/v1/content/{video}/stream"))
        .await;
    assert_eq!(redirect.status, 307);
    assert_eq!(redirect.header("cache-control"), "no-store");
    let location = redirect.header("location");
    assert!(
        location.starts_with("/p/") && location.ends_with(&format!("/{video}/index.m3u8")),
        "{location}"
    );
    assert_eq!(server.get(location).await.status, 200);

    let reply = server.session(&owner, video).await;
    assert_eq!(reply.is(200).header("cache-control"), "no-store");
    let session = &reply.json;
    assert_eq!(session["dash_url"], Value::Null);
    assert_eq!(session["heartbeat_interval"], 30);
    assert!(session["session_id"].is_string());
    let heartbeat = server.request(Method::POST, session["heartbeat_url"].as_str().unwrap());
    server.send(heartbeat).await.is(204);
    // 12 s of lecture: 1.5 times that and a quarter of an hour.
    let expires: contracts::Timestamp = serde_json::from_value(session["expires_at"].clone()).unwrap();
    let lasts = expires.since(server.clock.now());
    assert!(
        lasts > Duration::from_secs(915) && lasts <= Duration::from_secs(919),
        "{lasts:?}"
    );
}

#[tokio::test]
async fn nobody_but_the_owner_and_the_admins_opens_a_stream() {
    let server = Server::with_worker().await;
    let owner = Person::instructor();
    let video = server.uploaded(&owner, Film::Silent).await;
    for stranger in [Person::learner(), Person::instructor()] {
        server
            .session(&stranger, video)
            .await
            .is_problem(404, "video_not_found");
    }
    server.get(&format!("/api/v1/content/{video}/stream")).await.is(401);
    let mut events = server.events();
    server.session(&Person::admin(), video).await.is(200);
    heard(&mut events, &["moocflix.content.video.streamed_by_admin"]).await;
    server
        .session(&owner, VideoId::generate())
        .await
        .is_problem(404, "video_not_found");
    let malformed = server
        .ask(
            &owner,
            Method::GET,
            &format!("/api/v1/content/{}/stream", video.to_string().to_uppercase()),
        )
        .await;
    assert_eq!(malformed.status, 404);
}

#[tokio::test]
async fn a_video_that_cannot_be_watched_is_refused_with_the_reason() {
    let server = Server::with_worker().await;
    let owner = Person::instructor();

    let waiting = server.uploaded(&owner, Film::OldCodec).await;
    let details = server.details(&owner, waiting).await.json;
    assert_eq!(
        (&details["status"], &details["reason"]["code"]),
        (&"processing".into(), &"needs_transcoding".into())
    );
    let response = server
        .ask(&owner, Method::GET, &format!("/api/v1/content/{waiting}/stream"))
        .await;
    assert_eq!(response.status, 409);
    assert!(response.headers.contains_key("retry-after"));
    assert_eq!(response.json["code"], "not_playable");

    let whole = Film::Lecture.bytes();
    let broken = server.upload(&owner, &whole[..whole.len() / 2]).await;
    server.scanned(&owner, broken).await;
    server.session(&owner, broken).await.is_problem(409, "video_failed");
    server.session(&Person::learner(), broken).await.is(404);
}

#[tokio::test]
async fn a_deleted_video_is_gone_for_those_who_could_see_it() {
    let server = Server::with_worker().await;
    let owner = Person::instructor();
    let video = server.uploaded(&owner, Film::Silent).await;
    server.delete(&owner, video).await;
    server.session(&owner, video).await.is_problem(410, "video_deleted");
    server.session(&Person::learner(), video).await.is(404);
}
