//! Recordings in a store that is far away, or that does not answer for a while.

use super::publisher::{Publisher, of, uris};
use crate::server::Server;
use broadcasts::repositories::broadcast_repository::BroadcastRepository;
use contracts::ObjectPrefix;
use contracts::questions::live::LiveMedia as _;
use reqwest::Method;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;
use testing::{Person, RemoteStore, until};

/// Segments that are stored at the same time.
const SIDE_BY_SIDE: usize = 4;

/// Asserts that all segments of a lecture can be loaded, and returns how many there are.
async fn load_all(server: &Server, media: &str) -> usize {
    let all = uris(media, &server.text(media).await);
    for uri in &all {
        assert_eq!(server.get(uri).await.status, 200, "{uri}");
    }
    all.len()
}

#[tokio::test]
async fn segments_are_stored_side_by_side_and_recorded_in_their_order() {
    let (objects, store) = RemoteStore::create();
    let server = Server::on(objects.clone()).await;
    let (key, id) = of(&server.announce(&Person::instructor()).await);
    store.hold_writing("/video-0/0-");
    let mut publisher = Publisher::come(&server, &key).await;
    publisher.send(13).await;
    let stored = || async { objects.list(&ObjectPrefix::Video(id)).await.unwrap().len() >= SIDE_BY_SIDE - 1 };
    until("those beside the first one are stored", stored).await;
    assert_eq!(server.recorded().await, 0, "the first one is missing");
    store.go_on_writing();
    until("all are recorded", || async { server.recorded().await >= 6 }).await;
    let written = store.written();
    assert_eq!(BTreeSet::from_iter(&written).len(), written.len(), "each once");
}

#[tokio::test]
async fn who_goes_back_in_a_lecture_finds_what_is_not_stored_yet() {
    let (objects, store) = RemoteStore::create();
    let server = Server::on(objects).await;
    let owner = Person::instructor();
    let (key, id) = of(&server.announce(&owner).await);
    store.hold_writing("/live/");
    let mut publisher = Publisher::come(&server, &key).await;
    publisher.send(25).await;
    let index = server.index_of(&owner, id).await;
    let media = uris(&index, &server.text(&index).await)[0].clone();
    let early = load_all(&server, &media).await;
    assert!(early > 10 && server.recorded().await == 0, "{early}");
    assert_eq!(store.written().len(), SIDE_BY_SIDE);
    store.go_on_writing();
    until("they are recorded", || async { server.recorded().await >= 11 }).await;
    assert!(load_all(&server, &media).await >= early);
}

#[tokio::test]
async fn a_store_that_answers_again_gets_all_of_a_lecture_also_after_its_end() {
    let (objects, store) = RemoteStore::create();
    let server = Server::on(objects).await;
    let owner = Person::instructor();
    let (key, id) = of(&server.announce(&owner).await);
    store.fail_writing();
    let mut publisher = Publisher::come(&server, &key).await;
    publisher.send(9).await;
    let index = server.index_of(&owner, id).await;
    let media = uris(&index, &server.text(&index).await)[0].clone();
    let ended = server
        .live(&owner, Method::POST, &format!("/{id}/end"), &Value::Null)
        .await;
    assert_eq!(ended.is(200).json["status"], "ended");
    let status = || async { server.details(&owner, id).await.json["status"].clone() };
    assert_eq!(status().await, "live", "it is not recorded yet");
    store.go_on_writing();
    until("it is a video", || async { status().await == "playable" }).await;
    assert!(load_all(&server, &media).await >= 4);
    let duration = server.details(&owner, id).await.json["duration"].as_f64().unwrap();
    assert!((8.5..9.5).contains(&duration), "{duration}");
}

#[tokio::test]
async fn what_a_server_could_not_store_before_it_stopped_is_a_gap_of_its_length() {
    let (objects, store) = RemoteStore::create();
    let server = Server::on(objects).await;
    let owner = Person::instructor();
    let (key, id) = of(&server.announce(&owner).await);
    let mut publisher = Publisher::come(&server, &key).await;
    publisher.send(5).await;
    until("the beginning is recorded", || async { server.recorded().await >= 2 }).await;
    store.hold_writing("/live/");
    publisher.send(20).await;
    let broadcasts = BroadcastRepository::new(server.db.clone());
    until("its node says that it is published", || async {
        let lecture = broadcasts.find(id).await.unwrap().unwrap();
        lecture.published_at == Some(server.clock.now())
    })
    .await;
    let index = server.index_of(&owner, id).await;
    let media = uris(&index, &server.text(&index).await)[0].clone();
    let last = uris(&media, &server.text(&media).await).pop().unwrap();
    drop((publisher, broadcasts));
    let server = server.restarted(|_| ()).await;
    let mut publisher = Publisher::come(&server, &key).await;
    store.go_on_writing();
    publisher.send(5).await;
    let playlist = server.text(&media).await;
    assert!(playlist.matches("#EXT-X-GAP").count() >= 8, "{playlist}");
    assert!(!uris(&media, &playlist).contains(&last), "{last}: {playlist}");
    assert!(load_all(&server, &media).await >= 4);
}

#[tokio::test]
async fn nothing_is_stored_of_a_lecture_that_was_deleted_while_the_store_did_not_answer() {
    let (objects, store) = RemoteStore::create();
    let server = Server::on(objects.clone()).await;
    let owner = Person::instructor();
    let (key, id) = of(&server.announce(&owner).await);
    store.fail_writing();
    let mut publisher = Publisher::come(&server, &key).await;
    publisher.send(9).await;
    until("it was tried", || async { !store.written().is_empty() }).await;
    let room = server.rooms.room(id).unwrap();
    server.delete(&owner, id).await;
    drop(publisher);
    until("the room is left", || async { server.rooms.is_published(id).is_none() }).await;
    store.go_on_writing();
    until("nobody records it", || async { Arc::strong_count(&room) == 1 }).await;
    assert_eq!(
        objects.list(&ObjectPrefix::Video(id)).await.unwrap(),
        Vec::<String>::new()
    );
}
