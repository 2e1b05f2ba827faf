//! A Redis that is frozen or dead delays nobody, and is used again when it is back.

use crate::redis_server::RedisServer;
use adapters::RedisCache;
use backing::cache::Cache as _;
use bytes::Bytes;
use futures::future::join_all;
use rustix::process::Signal;
use std::time::{Duration, Instant};

const MINUTE: Duration = Duration::from_secs(60);
/// Three times the promise of a quarter of a second.
const ANSWERED: Duration = Duration::from_millis(750);
/// Three times the promise of a second.
const BACK: Duration = Duration::from_secs(3);

/// A cache that is not connected yet.
fn node(server: &RedisServer) -> RedisCache {
    RedisCache::new(&server.url, "test:").unwrap()
}

/// Whether a request was answered, in time.
async fn answers(node: &RedisCache) -> bool {
    let begun = Instant::now();
    let answer = node.get("key").await;
    assert!(begun.elapsed() < ANSWERED, "{answer:?} after {:?}", begun.elapsed());
    answer.is_ok()
}

/// As soon as one request has failed, others fail at once.
async fn fails_at_once(node: &RedisCache) {
    while answers(node).await {}
    let begun = Instant::now();
    for _ in 0..1_000 {
        assert!(!answers(node).await, "a dead server answered");
        assert!(begun.elapsed() < ANSWERED, "refusals take time");
    }
}

/// Asks until there is an answer.
async fn is_back(node: &RedisCache) {
    let begun = Instant::now();
    while !answers(node).await {
        assert!(begun.elapsed() < BACK, "still away");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_frozen_server_delays_nobody_and_is_used_again() {
    let server = RedisServer::start();
    let node = node(&server);
    node.connect().await.unwrap();
    node.keep_connected(async {
        let kept = Bytes::from_static(b"kept");
        node.set("key", kept.clone(), MINUTE).await.unwrap();
        server.signal(Signal::STOP);
        let answered = join_all((0..200).map(|_| answers(&node))).await;
        assert!(!answered.contains(&true), "a frozen server answered");
        fails_at_once(&node).await;
        // attempts to connect hang meanwhile
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert!(!answers(&node).await);
        server.signal(Signal::CONT);
        is_back(&node).await;
        assert_eq!(node.get("key").await.unwrap(), Some(kept));
    })
    .await;
}

#[tokio::test]
async fn a_killed_server_delays_nobody_and_is_used_again() {
    let server = RedisServer::start();
    let (one, other) = (node(&server), node(&server));
    one.connect().await.unwrap();
    other.connect().await.unwrap();
    let killed = async {
        server.signal(Signal::KILL);
        for node in [&one, &other] {
            fails_at_once(node).await;
        }
        server.restart();
        for node in [&one, &other] {
            is_back(node).await;
        }
        // the nodes share counters again
        one.increment("counter", 1, MINUTE).await.unwrap();
        assert_eq!(other.increment("counter", 1, MINUTE).await.unwrap().value, 2);
    };
    one.keep_connected(other.keep_connected(killed)).await;
}

#[tokio::test]
async fn a_server_that_comes_later_than_the_node_is_used() {
    let server = RedisServer::start();
    server.signal(Signal::KILL);
    let node = node(&server);
    assert!(node.connect().await.is_err());
    assert!(!answers(&node).await);
    server.restart();
    node.keep_connected(is_back(&node)).await;
}
