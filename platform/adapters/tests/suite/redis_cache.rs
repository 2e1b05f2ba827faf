//! Redis passes the suite of caches.

use adapters::RedisCache;
use backing::cache::Cache as _;
use bytes::Bytes;
use std::time::Duration;
use testing::suites;
use uuid::Uuid;

const MINUTE: Duration = Duration::from_secs(60);

/// The URL of the server that `MOOCFLIX_TEST_REDIS` names; each test uses its own prefix there.
fn url() -> String {
    std::env::var_os("MOOCFLIX_TEST_REDIS")
        .and_then(|url| url.into_string().ok())
        .expect("MOOCFLIX_TEST_REDIS is not set: platform/adapters/tests/redis.sh start DIR prints a URL for it")
}

async fn connected(url: &str, prefix: &str) -> RedisCache {
    let cache = RedisCache::new(url, prefix).unwrap();
    cache.connect().await.unwrap();
    cache
}

#[tokio::test]
async fn redis_is_a_cache_that_two_nodes_share() {
    let prefix = format!("{}:", Uuid::now_v7());
    let (one, other) = (connected(&url(), &prefix).await, connected(&url(), &prefix).await);
    suites::cache::suite([&one, &other], tokio::time::sleep).await.unwrap();
}

#[tokio::test]
async fn databases_and_prefixes_keep_caches_apart() {
    let url = url();
    let (server, _) = url.rsplit_once('/').unwrap();
    let database = format!("{server}/1");
    let prefix = format!("{}:", Uuid::now_v7());
    let one = connected(&url, &prefix).await;
    one.set("key", Bytes::from_static(b"value"), MINUTE).await.unwrap();
    for apart in [
        connected(&url, &format!("{prefix}other:")).await,
        connected(&database, &prefix).await,
    ] {
        assert_eq!(apart.get("key").await.unwrap(), None);
        apart.delete("key").await.unwrap();
    }
    assert_eq!(one.get("key").await.unwrap(), Some(Bytes::from_static(b"value")));
}

#[tokio::test]
async fn a_span_that_redis_would_refuse_ends_at_once() {
    let cache = connected(&url(), &format!("{}:", Uuid::now_v7())).await;
    cache
        .set("key", Bytes::from_static(b"value"), Duration::ZERO)
        .await
        .unwrap();
    assert_eq!(cache.increment("counter", 1, Duration::ZERO).await.unwrap().value, 1);
    tokio::time::sleep(Duration::from_millis(5)).await;
    assert_eq!(cache.get("key").await.unwrap(), None);
    assert_eq!(cache.get("counter").await.unwrap(), None);
}

#[test]
fn a_url_that_is_none_of_redis_is_refused_without_its_password() {
    for url in [
        "redis://",
        "redis://:pa55@host:port",
        "redis://:pa55@host/db",
        "http://:pa55@host",
    ] {
        let error = RedisCache::new(url, "").err().unwrap();
        assert!(error.contains("redis://") && !error.contains("pa55"), "{url}: {error}");
    }
}
