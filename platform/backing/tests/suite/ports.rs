//! The embedded adapters pass the suites of their ports.

use async_trait::async_trait;
use backing::Clock;
use backing::cache::{Cache, CacheError, Count, MemoryCache, load};
use backing::objects::Objects;
use bytes::Bytes;
use contracts::Timestamp;
use std::time::Duration;
use testing::suites;

#[tokio::test]
async fn local_files_are_an_object_store() {
    let folder = tempfile::tempdir().unwrap();
    let store = Objects::open(&format!("file://{}/objects", folder.path().display()))
        .await
        .unwrap();
    suites::objects::suite(&store).await.unwrap();
    let left = std::fs::read_dir(folder.path().join("objects/uploads"))
        .unwrap()
        .count();
    assert_eq!(left, 0, "uploads were left behind");
}

#[tokio::test]
async fn memory_is_a_cache() {
    let clock = Clock::fixed(Timestamp::from_seconds(1_000));
    let memory = MemoryCache::new(clock.clone(), 1 << 20);
    let pass = |span| {
        clock.advance(span);
        std::future::ready(())
    };
    suites::cache::suite([&memory, &memory], pass).await.unwrap();
}

/// A cache in which another node keeps the value between a look and a claim.
struct Overtaken(MemoryCache);

#[async_trait]
impl Cache for Overtaken {
    async fn get(&self, key: &str) -> Result<Option<Bytes>, CacheError> {
        self.0.get(key).await
    }

    async fn set(&self, key: &str, value: Bytes, ttl: Duration) -> Result<(), CacheError> {
        self.0.set(key, value, ttl).await
    }

    async fn add(&self, key: &str, value: Bytes, ttl: Duration) -> Result<bool, CacheError> {
        self.0.set("key", Bytes::from_static(b"kept"), ttl).await?;
        self.0.add(key, value, ttl).await
    }

    async fn delete(&self, key: &str) -> Result<(), CacheError> {
        self.0.delete(key).await
    }

    async fn increment(&self, key: &str, by: u64, ttl: Duration) -> Result<Count, CacheError> {
        self.0.increment(key, by, ttl).await
    }
}

#[tokio::test]
async fn a_value_that_another_node_has_just_kept_is_not_loaded_again() {
    let cache = Overtaken(MemoryCache::new(Clock::system(), 1 << 20));
    let value = load(&cache, "key", Duration::from_secs(60), async {
        Err::<Option<Bytes>, _>("loaded again")
    });
    assert_eq!(value.await, Ok(Some(Bytes::from_static(b"kept"))));
    let is_free = cache.0.add("key:claim", Bytes::new(), Duration::from_secs(60)).await;
    assert_eq!(is_free, Ok(true), "the claim is left behind");
}

#[tokio::test]
async fn the_memory_cache_stays_within_its_bytes_and_drops_what_expires_first() {
    let memory = MemoryCache::new(Clock::system(), 100_000);
    for n in 0..200u64 {
        let value = bytes::Bytes::from(vec![0; 1_000]);
        memory
            .set(&format!("k{n}"), value, Duration::from_secs(1_000 + n))
            .await
            .unwrap();
    }
    assert!(memory.get("k0").await.unwrap().is_none());
    assert!(memory.get("k199").await.unwrap().is_some());
    let mut kept = 0;
    for n in 0..200 {
        kept += usize::from(memory.get(&format!("k{n}")).await.unwrap().is_some());
    }
    assert!((50..=100).contains(&kept), "{kept}");
}
