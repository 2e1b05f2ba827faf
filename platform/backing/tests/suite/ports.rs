//! The embedded adapters pass the suites of their ports.

use backing::Clock;
use backing::cache::MemoryCache;
use backing::objects::Objects;
use contracts::Timestamp;
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

#[tokio::test]
async fn the_memory_cache_stays_within_its_bytes_and_drops_what_expires_first() {
    use backing::cache::Cache as _;
    use std::time::Duration;
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
