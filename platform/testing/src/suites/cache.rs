//! The conformance suite of caches.

use backing::cache::{Cache, CacheError, load};
use bytes::Bytes;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use uuid::Uuid;

const LONG: Duration = Duration::from_secs(3_600);
/// Long enough that a loaded machine does not wait for twice as long.
const SHORT: Duration = Duration::from_secs(2);

/// Two nodes' handles of one cache.
type Nodes<'a> = [&'a dyn Cache; 2];

/// Runs the whole suite on two nodes' handles of one cache; `pass` lets time pass for it (by moving a clock, or by waiting).
///
/// Errors: the cache's own errors; wrong behaviour is a failed assertion
pub async fn suite<F: Future<Output = ()>>(nodes: Nodes<'_>, pass: impl Fn(Duration) -> F) -> Result<(), CacheError> {
    let key = |name: &str| format!("conformance:{name}:{}", Uuid::now_v7());
    values_are_kept_replaced_and_forgotten(nodes, &key("value")).await?;
    counters_count_and_read_as_decimal_numbers(nodes, &key("counter")).await?;
    what_is_no_number_cannot_be_counted(nodes, &key("text")).await?;
    one_of_many_adds_a_value(nodes, &key("added")).await?;
    one_of_many_loads_a_value(nodes, &key("loaded")).await?;
    values_and_windows_end(nodes, [&key("short value"), &key("replaced"), &key("window")], pass).await
}

async fn one_of_many_adds_a_value(nodes: Nodes<'_>, key: &str) -> Result<(), CacheError> {
    let adds = (0..50).map(|n| nodes[n % 2].add(key, Bytes::from(n.to_string()), LONG));
    let added = futures::future::try_join_all(adds).await?;
    let winners: Vec<usize> = (0..50).filter(|n| added[*n]).collect();
    assert_eq!(winners.len(), 1, "{winners:?}");
    let [one, other] = nodes;
    assert_eq!(one.get(key).await?, Some(Bytes::from(winners[0].to_string())));
    one.delete(key).await?;
    assert!(
        other.add(key, Bytes::new(), LONG).await?,
        "a deleted value is in the way"
    );
    other.delete(key).await
}

/// How often a value was loaded.
#[derive(Default)]
struct Source(AtomicUsize);

impl Source {
    async fn load(&self, takes: Duration) -> Result<Option<Bytes>, CacheError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(takes).await;
        Ok(Some(Bytes::from_static(b"loaded")))
    }

    fn loads(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

async fn one_of_many_loads_a_value(nodes: Nodes<'_>, key: &str) -> Result<(), CacheError> {
    let [one, other] = nodes;
    let source = Source::default();
    let loads = (0..50).map(|n| load(nodes[n % 2], key, LONG, source.load(Duration::from_millis(50))));
    for value in futures::future::try_join_all(loads).await? {
        assert_eq!(value.as_deref(), Some(&b"loaded"[..]));
    }
    assert_eq!(source.loads(), 1);
    one.delete(key).await?;
    // a node that died while it loaded holds nobody up for long, and a failed load lets the next one try
    other.add(&format!("{key}:claim"), Bytes::new(), LONG).await?;
    load(one, key, LONG, source.load(Duration::ZERO)).await?;
    assert_eq!(source.loads(), 2);
    one.delete(key).await?;
    let failed = load(one, key, LONG, async { Err(CacheError("no source".to_owned())) }).await;
    assert!(failed.is_err());
    let absent = load::<CacheError>(other, key, LONG, async { Ok(None) }).await?;
    assert_eq!(absent, None);
    load(one, key, LONG, source.load(Duration::ZERO)).await?;
    assert_eq!(source.loads(), 3);
    one.delete(key).await
}

async fn values_are_kept_replaced_and_forgotten([one, other]: Nodes<'_>, key: &str) -> Result<(), CacheError> {
    assert_eq!(one.get(key).await?, None);
    one.set(key, Bytes::from_static(b"\x00bytes\xff"), LONG).await?;
    assert_eq!(other.get(key).await?.as_deref(), Some(&b"\x00bytes\xff"[..]));
    other.set(key, Bytes::new(), LONG).await?;
    assert_eq!(one.get(key).await?, Some(Bytes::new()));
    assert_eq!(one.get(&format!("{key}:other")).await?, None);
    one.delete(key).await?;
    other.delete(key).await?;
    assert_eq!(other.get(key).await?, None);
    Ok(())
}

async fn counters_count_and_read_as_decimal_numbers(nodes: Nodes<'_>, key: &str) -> Result<(), CacheError> {
    let [one, other] = nodes;
    let none = one.increment(key, 0, LONG).await?;
    assert_eq!((none.value, none.left), (0, LONG));
    assert_eq!(one.get(key).await?, None, "asking made a counter");
    let additions = (0..100).map(|n| nodes[n % 2].increment(key, 2, LONG));
    let counts = futures::future::try_join_all(additions).await?;
    let mut seen: Vec<_> = counts.iter().map(|count| count.value).collect();
    seen.sort_unstable();
    assert!(
        seen.iter().copied().eq((1..=100).map(|n| n * 2)),
        "an addition was lost"
    );
    assert_eq!(other.increment(key, 0, LONG).await?.value, 200);
    assert_eq!(one.get(key).await?.as_deref(), Some(&b"200"[..]));
    one.delete(key).await?;
    assert_eq!(other.increment(key, 1, LONG).await?.value, 1);
    other.delete(key).await
}

async fn what_is_no_number_cannot_be_counted([one, other]: Nodes<'_>, key: &str) -> Result<(), CacheError> {
    one.set(key, Bytes::from_static(b"a text"), LONG).await?;
    assert!(other.increment(key, 1, LONG).await.is_err());
    assert!(other.increment(key, 0, LONG).await.is_err());
    // the cache still works
    assert_eq!(other.get(key).await?, Some(Bytes::from_static(b"a text")));
    one.delete(key).await
}

async fn values_and_windows_end<F: Future<Output = ()>>(
    [one, other]: Nodes<'_>,
    [value, replaced, counter]: [&str; 3],
    pass: impl Fn(Duration) -> F,
) -> Result<(), CacheError> {
    one.set(value, Bytes::from_static(b"soon gone"), SHORT).await?;
    one.set(replaced, Bytes::from_static(b"soon replaced"), SHORT).await?;
    let first = one.increment(counter, 3, SHORT).await?;
    assert_eq!(first.value, 3);
    assert!(first.left > SHORT / 2 && first.left <= SHORT, "{first:?}");
    pass(SHORT / 2).await;
    // a later addition does not extend the window, and a replacement has its own time
    let second = other.increment(counter, 1, LONG).await?;
    assert_eq!(second.value, 4);
    assert!(second.left <= SHORT / 2, "{second:?}");
    one.set(replaced, Bytes::from_static(b"kept"), LONG).await?;
    pass(SHORT).await;
    assert_eq!(other.get(value).await?, None, "a value outlived its time");
    assert_eq!(other.get(replaced).await?.as_deref(), Some(&b"kept"[..]));
    let ended = one.increment(counter, 0, SHORT).await?;
    assert_eq!((ended.value, ended.left), (0, SHORT), "a window was extended");
    let next = other.increment(counter, 1, LONG).await?;
    assert_eq!(next.value, 1);
    assert!(next.left > SHORT, "{next:?}");
    one.delete(replaced).await?;
    one.delete(counter).await
}
