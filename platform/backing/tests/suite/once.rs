//! Requests that their clients have named.

use backing::bus::{EmbeddedBus, Relay};
use backing::once::{self, Once, Request};
use backing::{Clock, Db};
use contracts::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use testing::{databases, until};
use uuid::Uuid;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn request(scope: &str, key: &str, part: &str) -> Request {
    Request::new(scope, key, &[part]).unwrap()
}

async fn claim_at(db: &Db, request: &Request, made: Uuid, at: Timestamp) -> Once {
    let mut tx = db.write().await.unwrap();
    let once = once::claim(&mut tx, request, made, at).await.unwrap();
    tx.commit().await.unwrap();
    once
}

async fn claim(db: &Db, request: &Request, made: Uuid) -> Once {
    claim_at(db, request, made, NOW).await
}

#[tokio::test]
async fn a_repeated_request_is_answered_by_what_the_first_created() {
    for database in databases("content", &[]).await.unwrap() {
        let db = &database.db;
        let (first, second) = (Uuid::now_v7(), Uuid::now_v7());
        let asked = request("ada", "key", "a lecture");
        assert_eq!(once::find(db.read(), &asked).await.unwrap(), Once::First);
        assert_eq!(claim(db, &asked, first).await, Once::First);
        assert_eq!(claim(db, &asked, second).await, Once::Again(first));
        assert_eq!(once::find(db.read(), &asked).await.unwrap(), Once::Again(first));
        let other = request("ada", "key", "another lecture");
        assert_eq!(claim(db, &other, second).await, Once::Other);
        for elses in [request("bob", "key", "a lecture"), request("ada", "yek", "a lecture")] {
            assert_eq!(claim(db, &elses, second).await, Once::First);
        }
    }
}

#[tokio::test]
async fn a_request_whose_transaction_fails_has_not_come() {
    for database in databases("content", &[]).await.unwrap() {
        let db = &database.db;
        let asked = request("ada", "key", "a lecture");
        let mut tx = db.write().await.unwrap();
        once::claim(&mut tx, &asked, Uuid::now_v7(), NOW).await.unwrap();
        drop(tx);
        assert_eq!(claim(db, &asked, Uuid::now_v7()).await, Once::First);
    }
}

#[tokio::test]
async fn a_request_is_free_again_once_what_it_created_is_gone() {
    for database in databases("content", &[]).await.unwrap() {
        let db = &database.db;
        let (asked, made, other) = (request("ada", "key", "a lecture"), Uuid::now_v7(), Uuid::now_v7());
        claim(db, &asked, made).await;
        let mut tx = db.write().await.unwrap();
        once::release(&mut tx, other).await.unwrap();
        assert_eq!(
            once::claim(&mut tx, &asked, other, NOW).await.unwrap(),
            Once::Again(made)
        );
        once::release(&mut tx, made).await.unwrap();
        once::record(&mut tx, &asked, made, NOW).await.unwrap();
        once::record(&mut tx, &asked, other, NOW).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(once::find(db.read(), &asked).await.unwrap(), Once::Again(other));
    }
}

#[tokio::test]
async fn a_request_is_known_for_30_days() {
    for database in databases("content", &[]).await.unwrap() {
        let db = &database.db;
        let (old, recent) = (
            request("ada", "old", "a lecture"),
            request("ada", "recent", "a lecture"),
        );
        let days = |count: u64| Duration::from_secs(count * 24 * 3600);
        let made = Uuid::now_v7();
        claim_at(db, &old, Uuid::now_v7(), NOW - days(31)).await;
        claim_at(db, &recent, made, NOW - days(29)).await;
        // A service's relay looks for old records when it starts.
        let relay = Relay::new(db.clone(), Arc::new(EmbeddedBus::new()), Clock::fixed(NOW));
        relay
            .run(until("the old request is forgotten", || async {
                once::find(db.read(), &old).await.unwrap() == Once::First
            }))
            .await;
        assert_eq!(once::find(db.read(), &recent).await.unwrap(), Once::Again(made));
    }
}

#[tokio::test]
async fn of_many_requests_at_once_one_is_the_first() {
    for database in databases("content", &[]).await.unwrap() {
        let db = &database.db;
        let asked = request("ada", "key", "a lecture");
        let all = futures::future::join_all((0..8).map(async |_| {
            let id = Uuid::now_v7();
            (id, claim(db, &asked, id).await)
        }))
        .await;
        let firsts: Vec<_> = all.iter().filter(|(_, once)| *once == Once::First).collect();
        let [(made, _)] = firsts[..] else { panic!("{all:?}") };
        let others = all.iter().filter(|(id, _)| id != made);
        assert!(
            others.into_iter().all(|(_, once)| *once == Once::Again(*made)),
            "{all:?}"
        );
    }
}

#[test]
fn keys_are_printable_and_not_too_long() {
    for key in ["", "a\nb", "ä", &"k".repeat(256)] {
        assert!(Request::new("ada", key, &[]).is_err(), "{key:?}");
    }
    assert!(Request::new("ada", &"k".repeat(255), &[]).is_ok());
}

#[test]
fn parts_that_run_together_alike_are_different_requests() {
    let (one, other) = (&["ab", "c"], &["a", "bc"]);
    assert_ne!(Request::new("ada", "key", one), Request::new("ada", "key", other));
}
