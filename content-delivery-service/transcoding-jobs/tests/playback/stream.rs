//! `GET /{videoId}/stream`.

use crate::films::Film;
use crate::house::{House, Person};
use contracts::{Role, VideoId};
use std::time::Duration;

#[tokio::test]
async fn a_player_is_sent_to_the_playlist_and_a_program_gets_the_session() {
    let house = House::open().await;
    let owner = Person::new(Role::Instructor);
    let video = house.uploaded(&owner, Film::Lecture).await;

    let redirect = house.get(&owner, &format!("/api/v1/content/{video}/stream")).await;
    assert_eq!(redirect.status(), 307);
    assert_eq!(redirect.headers()["cache-control"], "no-store");
    let location = redirect.headers()["location"].to_str().unwrap();
    assert!(
        location.starts_with("/p/") && location.ends_with(&format!("/{video}/index.m3u8")),
        "{location}"
    );
    assert_eq!(house.media(location).await.status(), 200);

    let (status, headers, session) = house.session(&owner, video).await;
    assert_eq!(status, 200);
    assert_eq!(headers["cache-control"], "no-store");
    assert_eq!(session["dash_url"], serde_json::Value::Null);
    assert_eq!(session["heartbeat_interval"], 30);
    assert!(session["session_id"].is_string());
    let heartbeat = house
        .client
        .post(house.at(session["heartbeat_url"].as_str().unwrap()))
        .send()
        .await
        .unwrap();
    assert_eq!(heartbeat.status(), 204);
    // 12 s of lecture: 1.5 times that and a quarter of an hour.
    let expires: contracts::Timestamp = serde_json::from_value(session["expires_at"].clone()).unwrap();
    let lasts = expires.since(house.clock.now());
    assert!(
        lasts > Duration::from_secs(915) && lasts <= Duration::from_secs(919),
        "{lasts:?}"
    );
}

#[tokio::test]
async fn nobody_but_the_owner_and_the_admins_opens_a_stream() {
    let house = House::open().await;
    let owner = Person::new(Role::Instructor);
    let video = house.uploaded(&owner, Film::Silent).await;
    for stranger in [Person::new(Role::Learner), Person::new(Role::Instructor)] {
        let (status, _, problem) = house.session(&stranger, video).await;
        assert_eq!((status, &problem["code"]), (404, &"video_not_found".into()));
    }
    let nobody = house
        .client
        .get(house.at(&format!("/api/v1/content/{video}/stream")))
        .send()
        .await
        .unwrap();
    assert_eq!(nobody.status(), 401);
    assert_eq!(house.session(&Person::new(Role::Admin), video).await.0, 200);
    assert!(
        house
            .events()
            .await
            .iter()
            .any(|kind| kind == "moocflix.content.video.streamed_by_admin")
    );
    let (status, _, problem) = house.session(&owner, VideoId::generate()).await;
    assert_eq!((status, &problem["code"]), (404, &"video_not_found".into()));
    let malformed = house
        .get(
            &owner,
            &format!("/api/v1/content/{}/stream", video.to_string().to_uppercase()),
        )
        .await;
    assert_eq!(malformed.status(), 404);
}

#[tokio::test]
async fn a_video_that_can_not_be_watched_says_why() {
    let house = House::open().await;
    let owner = Person::new(Role::Instructor);

    let waiting = house.uploaded(&owner, Film::OldCodec).await;
    let details = house.details(&owner, waiting).await;
    assert_eq!(
        (&details["status"], &details["reason"]["code"]),
        (&"processing".into(), &"needs_transcoding".into())
    );
    let response = house.get(&owner, &format!("/api/v1/content/{waiting}/stream")).await;
    assert_eq!(response.status(), 409);
    assert!(response.headers().contains_key("retry-after"));
    assert_eq!(
        response.json::<serde_json::Value>().await.unwrap()["code"],
        "not_playable"
    );

    let whole = Film::Lecture.bytes();
    let broken = house.upload(&owner, &whole[..whole.len() / 2]).await;
    house.scanned(&owner, broken).await;
    let (status, _, problem) = house.session(&owner, broken).await;
    assert_eq!((status, &problem["code"]), (409, &"video_failed".into()));
    assert_eq!(house.session(&Person::new(Role::Learner), broken).await.0, 404);
}

#[tokio::test]
async fn a_deleted_video_is_gone_for_those_who_could_see_it() {
    let house = House::open().await;
    let owner = Person::new(Role::Instructor);
    let video = house.uploaded(&owner, Film::Silent).await;
    house.delete(&owner, video).await;
    let (status, _, problem) = house.session(&owner, video).await;
    assert_eq!((status, &problem["code"]), (410, &"video_deleted".into()));
    assert_eq!(house.session(&Person::new(Role::Learner), video).await.0, 404);
}
