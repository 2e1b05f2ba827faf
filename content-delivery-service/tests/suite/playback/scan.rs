//! What an upload turns into.

use super::films::Film;
use super::watching::heard;
use crate::server::Server;
use testing::Person;

#[tokio::test]
async fn a_lecture_is_ready_when_it_is_scanned() {
    let server = Server::with_worker().await;
    let (owner, mut events) = (Person::instructor(), server.events());
    let video = server.uploaded(&owner, Film::Lecture).await;
    let details = server.details(&owner, video).await.json;
    assert_eq!(details["status"], "ready");
    assert_eq!(details["progress"], 1.0);
    assert_eq!(details["reason"], serde_json::Value::Null);
    assert_eq!(details["playable_at"], details["ready_at"]);
    assert_eq!(details["source"]["container"], "mp4");
    assert!((details["duration"].as_f64().unwrap() - 12.0).abs() < 0.1, "{details}");
    assert_eq!(
        (&details["video"]["codec"], &details["video"]["height"]),
        (&"h264".into(), &180.into())
    );
    assert_eq!(details["audio"][0]["codec"], "aac");
    let names: Vec<_> = details["renditions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["name"].clone())
        .collect();
    assert_eq!(names, ["source", "audio"]);
    heard(
        &mut events,
        &["moocflix.content.video.playable", "moocflix.content.video.ready"],
    )
    .await;
}

#[tokio::test]
async fn a_source_that_needs_transcoding_waits_for_it() {
    let server = Server::with_worker().await;
    let owner = Person::instructor();
    for (film, container) in [(Film::OldCodec, "mp4"), (Film::Matroska, "matroska")] {
        let video = server.uploaded(&owner, film).await;
        let details = server.details(&owner, video).await.json;
        assert_eq!(details["status"], "processing", "{film:?}");
        assert_eq!(details["reason"]["code"], "needs_transcoding", "{film:?}");
        assert_eq!(details["source"]["container"], container, "{film:?}");
    }
}

#[tokio::test]
async fn a_broken_file_fails_with_a_reason_that_a_person_understands() {
    let server = Server::with_worker().await;
    let owner = Person::instructor();
    let whole = Film::Lecture.bytes();
    let video = server.upload(&owner, &whole[..whole.len() / 2]).await;
    server.scanned(&owner, video).await;
    let details = server.details(&owner, video).await.json;
    assert_eq!(details["status"], "failed");
    assert!(
        details["reason"]["code"].as_str().unwrap().starts_with("media_"),
        "{details}"
    );
    assert!(details["reason"]["message"].as_str().unwrap().len() > 10, "{details}");
}

#[tokio::test]
async fn sound_alone_can_be_listened_to() {
    let server = Server::with_worker().await;
    let owner = Person::instructor();
    let video = server.uploaded(&owner, Film::Sound).await;
    assert_eq!(server.details(&owner, video).await.json["status"], "ready");
    let index = server.index(&owner, video).await;
    assert!(server.get(&index).await.text.contains("0/audio/media.m3u8"));
}
