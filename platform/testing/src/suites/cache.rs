//! The conformance suite of caches.

use backing::cache::{Cache, CacheError};
use bytes::Bytes;
use std::time::Duration;
use uuid::Uuid;

const LONG: Duration = Duration::from_secs(3_600);
const SHORT: Duration = Duration::from_secs(1);

/// Runs the whole suite; `pass` lets time pass for the cache (by moving a clock, or by waiting).
///
/// Errors: the cache's own errors; wrong behaviour is a failed assertion
pub async fn suite<F: Future<Output = ()>>(cache: &dyn Cache, pass: impl Fn(Duration) -> F) -> Result<(), CacheError> {
    let key = |name: &str| format!("conformance:{name}:{}", Uuid::now_v7());
    values_are_kept_replaced_and_forgotten(cache, &key("value")).await?;
    counters_count_and_read_as_decimal_numbers(cache, &key("counter")).await?;
    let (value, counter) = (key("short value"), key("window"));
    cache.set(&value, Bytes::from_static(b"soon gone"), SHORT).await?;
    let first = cache.increment(&counter, 3, SHORT).await?;
    assert_eq!(first.value, 3);
    assert!(first.left > SHORT / 2 && first.left <= SHORT, "{first:?}");
    pass(SHORT / 2).await;
    // a later addition does not extend the window
    let second = cache.increment(&counter, 1, LONG).await?;
    assert_eq!(second.value, 4);
    assert!(second.left <= SHORT / 2, "{second:?}");
    pass(SHORT).await;
    assert_eq!(cache.get(&value).await?, None, "a value outlived its time");
    assert_eq!(
        cache.increment(&counter, 0, SHORT).await?.value,
        0,
        "a window was extended"
    );
    assert_eq!(cache.increment(&counter, 1, SHORT).await?.value, 1);
    cache.delete(&counter).await
}

async fn values_are_kept_replaced_and_forgotten(cache: &dyn Cache, key: &str) -> Result<(), CacheError> {
    assert_eq!(cache.get(key).await?, None);
    cache.set(key, Bytes::from_static(b"\x00bytes\xff"), LONG).await?;
    assert_eq!(cache.get(key).await?.as_deref(), Some(&b"\x00bytes\xff"[..]));
    cache.set(key, Bytes::new(), LONG).await?;
    assert_eq!(cache.get(key).await?, Some(Bytes::new()));
    cache.delete(key).await?;
    cache.delete(key).await?;
    assert_eq!(cache.get(key).await?, None);
    Ok(())
}

async fn counters_count_and_read_as_decimal_numbers(cache: &dyn Cache, key: &str) -> Result<(), CacheError> {
    assert_eq!(cache.increment(key, 0, LONG).await?.value, 0);
    assert_eq!(cache.get(key).await?, None, "asking made a counter");
    let additions = (0..100).map(|_| cache.increment(key, 2, LONG));
    let counts = futures::future::try_join_all(additions).await?;
    let mut seen: Vec<_> = counts.iter().map(|count| count.value).collect();
    seen.sort_unstable();
    assert!(
        seen.iter().copied().eq((1..=100).map(|n| n * 2)),
        "an addition was lost"
    );
    assert_eq!(cache.get(key).await?.as_deref(), Some(&b"200"[..]));
    cache.delete(key).await?;
    assert_eq!(cache.increment(key, 1, LONG).await?.value, 1);
    cache.delete(key).await
}
