//! Who may publish, and for how long.

use super::publisher::{Publisher, of};
use crate::server::Server;
use broadcasts::models::broadcast::LEASE;
use broadcasts::repositories::broadcast_repository::BroadcastRepository;
use broadcasts::repositories::recording_repository::{RecordingRepository, Summary};
use contracts::questions::live::{Bearer, Publisher as By, Refused};
use contracts::{Roles, VideoId};
use reqwest::Method;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use testing::{Person, until};
use tokio::time::timeout;

/// Three times the promise.
const OUT: Duration = Duration::from_secs(3);

fn bearer(person: &Person) -> By {
    By::Person(Bearer {
        user: person.id,
        session: person.session,
        roles: Roles::from(person.role),
        version: person.version,
    })
}

#[tokio::test]
async fn the_owner_an_admin_and_whoever_has_the_key_may_publish_and_nobody_else() {
    let server = Server::start().await;
    let owner = Person::instructor();
    let (key, id) = of(&server.announce(&owner).await);
    let (other, _) = of(&server.announce(&owner).await);
    for (video, publisher) in [
        (Some(id), bearer(&owner)),
        (Some(id), bearer(&Person::admin())),
        (Some(id), By::Key(key.clone())),
        (None, By::Key(key.clone())),
    ] {
        assert_eq!(server.may_publish(video, publisher).await.unwrap().video, id);
    }
    for (video, publisher, refused) in [
        (Some(id), bearer(&Person::instructor()), Refused::NotFound),
        (Some(id), By::Key(other), Refused::Unauthenticated),
        (Some(id), By::Key(String::new()), Refused::Unauthenticated),
        (
            None,
            By::Key(key.replace(&key[20..], &"A".repeat(key.len() - 20))),
            Refused::Unauthenticated,
        ),
        (Some(VideoId::generate()), bearer(&owner), Refused::NotFound),
    ] {
        assert_eq!(
            server.may_publish(video, publisher.clone()).await,
            Err(refused),
            "{publisher:?}"
        );
    }
}

#[tokio::test]
async fn a_lecture_does_not_begin_where_its_owner_s_quota_is_used_up_and_goes_on_if_it_has_begun() {
    let server = Server::with(|config| config.quota.bytes = 10_000).await;
    let (owner, other) = (Person::instructor(), Person::instructor());
    let (begun, _) = of(&server.announce(&owner).await);
    let (waiting, id) = of(&server.announce(&owner).await);
    let publisher = Publisher::come(&server, &begun).await;
    server.begin(&owner, 10_000).await;
    drop(publisher);
    for (video, by) in [
        (None, By::Key(waiting)),
        (Some(id), bearer(&owner)),
        (Some(id), bearer(&Person::admin())),
    ] {
        let refused = server.may_publish(video, by.clone()).await;
        assert_eq!(refused, Err(Refused::QuotaExceeded), "{by:?}");
    }
    server.may_publish(None, By::Key(begun)).await.unwrap();
    let (key, _) = of(&server.announce(&other).await);
    server.may_publish(None, By::Key(key)).await.unwrap();
}

#[tokio::test]
async fn a_publisher_who_comes_back_after_the_lease_of_the_node_has_run_out_finds_the_same_room() {
    let server = Server::start().await;
    let (key, id) = of(&server.announce(&Person::instructor()).await);
    let before = Publisher::come(&server, &key).await;
    let room = server.rooms.room(id).unwrap();
    server.clock.advance(LEASE * 2);
    let _after = Publisher::come(&server, &key).await;
    drop(before);
    assert!(Arc::ptr_eq(&room, &server.rooms.room(id).unwrap()));
}

#[tokio::test]
async fn a_publisher_who_comes_to_another_node_takes_the_lecture_along_and_the_one_before_is_out() {
    for server in Server::on_each_engine().await {
        let owner = Person::instructor();
        let (key, id) = of(&server.announce(&owner).await);
        let mut before = Publisher::come(&server, &key).await;
        before.send(7).await;
        until("the first segments are recorded", || async {
            server.recorded().await >= 3
        })
        .await;
        let other = server.beside().await;
        let mut after = Publisher::come(&other, &key).await;
        after.send(5).await;
        timeout(OUT, before.publication.taken_over().cancelled())
            .await
            .expect("it is out");
        let nothing = Summary {
            duration: 0,
            bytes: 0,
            media: None,
        };
        let recordings = RecordingRepository::new(server.db.clone());
        let completed = recordings.complete((id, 1), &nothing, server.clock.now()).await;
        assert!(!completed.unwrap(), "whose lease is over completes nothing");
        server
            .live(&owner, Method::POST, &format!("/{id}/end"), &Value::Null)
            .await
            .is(200);
        timeout(OUT, after.publication.taken_over().cancelled())
            .await
            .expect("the other node ends it");
        let video = || server.details(&owner, id);
        until("it is a video", || async { video().await.json["status"] == "playable" }).await;
        let duration = video().await.json["duration"].as_f64().unwrap();
        assert!((10.7..11.5).contains(&duration), "{duration}");
    }
}

#[tokio::test]
async fn a_node_that_was_started_again_takes_a_new_lease() {
    let server = Server::start().await;
    let (key, id) = of(&server.announce(&Person::instructor()).await);
    let lease = async |server: &Server| {
        let found = BroadcastRepository::new(server.db.clone()).find(id).await.unwrap();
        found.unwrap().lease.unwrap().number
    };
    let publisher = Publisher::come(&server, &key).await;
    let first = lease(&server).await;
    let second = Publisher::come(&server, &key).await;
    assert_eq!(lease(&server).await, first, "the same process goes on");
    drop((publisher, second));
    let server = server.restarted(|_| ()).await;
    let _publisher = Publisher::come(&server, &key).await;
    assert_eq!(lease(&server).await, first + 1);
}

#[tokio::test]
async fn a_new_key_throws_the_publisher_with_the_old_one_out() {
    let server = Server::start().await;
    let owner = Person::instructor();
    let (key, id) = of(&server.announce(&owner).await);
    let mut publisher = Publisher::come(&server, &key).await;
    publisher.send(1).await;
    let rotated = server
        .live(&owner, Method::POST, &format!("/{id}/key"), &Value::Null)
        .await;
    let (new, _) = of(&rotated.is(200).json);
    assert_ne!(new, key);
    timeout(OUT, publisher.publication.taken_over().cancelled())
        .await
        .expect("it is out");
    assert_eq!(
        server.may_publish(None, By::Key(key)).await,
        Err(Refused::Unauthenticated)
    );
    Publisher::come(&server, &new).await.send(1).await;
}

#[tokio::test]
async fn a_deleted_lecture_throws_its_publisher_out_and_leaves_nothing() {
    let server = Server::start().await;
    let owner = Person::instructor();
    let (key, id) = of(&server.announce(&owner).await);
    let mut publisher = Publisher::come(&server, &key).await;
    publisher.send(7).await;
    let index = server.index_of(&owner, id).await;
    server.text(&index).await;
    server.delete(&owner, id).await;
    timeout(OUT, publisher.publication.taken_over().cancelled())
        .await
        .expect("it is out");
    let refused = || async { server.get(&index).await.status == 403 };
    until("the stream is refused", refused).await;
    drop(publisher);
    // the sweeps wait for writers that began before the deletion
    server.clock.advance(Duration::from_secs(200));
    server.emptied().await;
}

#[tokio::test]
async fn nobody_for_five_minutes_ends_a_lecture() {
    let server = Server::start().await;
    let owner = Person::instructor();
    let (key, id) = of(&server.announce(&owner).await);
    let mut publisher = Publisher::come(&server, &key).await;
    publisher.send(5).await;
    drop(publisher);
    server.clock.advance(Duration::from_secs(301));
    let ended = || async {
        let video = server.ask(&owner, Method::GET, &format!("/api/v1/content/{id}")).await;
        video.json["status"] == "playable"
    };
    until("it is a video", ended).await;
    assert_eq!(server.may_publish(None, By::Key(key)).await, Err(Refused::Ended));
}
