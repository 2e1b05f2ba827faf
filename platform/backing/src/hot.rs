//! A bounded cache of bytes in memory that loads each key once, however many callers request it at the same time.
//!
//! A value is bytes, alone or with what is known of them.

use crate::metric;
use bytes::Bytes;
use futures::FutureExt;
use metrics::{Counter, counter};
use moka::future::Cache;
use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The approximate memory of an entry besides its bytes.
const OVERHEAD: usize = 256;

/// Hot bytes by key; clones share them.
#[derive(Clone)]
pub struct Hot<K, V = Bytes> {
    entries: Cache<K, V>,
    /// Counts the calls of `forget_if`; bytes loaded during one are not kept.
    forgotten: Arc<AtomicU64>,
    hits: Counter,
    misses: Counter,
}

impl<K, V> std::fmt::Debug for Hot<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hot")
    }
}

impl<K, V> Hot<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: AsRef<[u8]> + Clone + Send + Sync + 'static,
{
    /// Keeps up to `max_bytes`; 0 keeps nothing but still shares loads.
    #[must_use]
    pub fn new(max_bytes: u64) -> Self {
        let entries = Cache::builder()
            .max_capacity(max_bytes)
            .weigher(|_, value: &V| u32::try_from(value.as_ref().len() + OVERHEAD).unwrap_or(u32::MAX))
            .support_invalidation_closures()
            .build();
        Self {
            entries,
            forgotten: Arc::default(),
            hits: counter!(metric::HOT_HITS),
            misses: counter!(metric::HOT_MISSES),
        }
    }

    /// Returns the bytes of a key from memory or from `load`; of simultaneous callers only one loads.
    ///
    /// The future stays small while the bytes are there: `load` makes its own, larger one only when they are not.
    ///
    /// Errors: a failed load returns its error to all waiting callers, and is not kept
    pub async fn get_or_load<E, F>(&self, key: K, load: impl FnOnce() -> F) -> Result<V, Arc<E>>
    where
        E: Send + Sync + 'static,
        F: Future<Output = Result<V, E>> + Send,
    {
        if let Some(value) = self.entries.get(&key).await {
            self.hits.increment(1);
            return Ok(value);
        }
        Box::pin(self.load(key, load())).await
    }

    /// Returns the bytes of a key if they are in memory, without waiting; otherwise, nothing is counted.
    pub fn get_at_once(&self, key: &K) -> Option<V> {
        let value = self.entries.get(key).now_or_never()??;
        self.hits.increment(1);
        Some(value)
    }

    async fn load<E, F>(&self, key: K, load: F) -> Result<V, Arc<E>>
    where
        E: Send + Sync + 'static,
        F: Future<Output = Result<V, E>> + Send,
    {
        let loaded = AtomicBool::new(false);
        let before = self.forgotten.load(Ordering::SeqCst);
        let counted = async {
            loaded.store(true, Ordering::Relaxed);
            load.await
        };
        let result = self.entries.try_get_with(key.clone(), counted).await;
        if loaded.load(Ordering::Relaxed) {
            self.misses.increment(1);
            if self.forgotten.load(Ordering::SeqCst) != before {
                self.entries.invalidate(&key).await;
            }
        } else {
            self.hits.increment(1);
        }
        result
    }

    /// Removes every key for which the predicate holds, and does not keep bytes that are being loaded.
    pub fn forget_if(&self, predicate: impl Fn(&K) -> bool + Send + Sync + 'static) {
        self.forgotten.fetch_add(1, Ordering::SeqCst);
        // fails only for a cache that was built without support for it
        let _ = self.entries.invalidate_entries_if(move |key, _| predicate(key));
    }

    /// Removes what is over the limit at once; otherwise, later requests do.
    pub async fn settle(&self) {
        self.entries.run_pending_tasks().await;
    }

    /// The approximate number of bytes kept.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.entries.weighted_size()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::future::join_all;
    use std::sync::atomic::AtomicUsize;

    async fn load(loads: &AtomicUsize, bytes: &'static [u8]) -> Result<Bytes, String> {
        loads.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        Ok(Bytes::from_static(bytes))
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn ten_thousand_callers_of_one_cold_key_cause_one_load() {
        let (hot, loads) = (Hot::new(1 << 20), AtomicUsize::new(0));
        let asks = (0..10_000).map(|_| hot.get_or_load(1, || load(&loads, b"segment")));
        for got in join_all(asks).await {
            assert_eq!(got.unwrap(), "segment");
        }
        assert_eq!(loads.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_failed_load_is_reported_to_all_waiting_callers_and_retried_by_the_next() {
        let (hot, fails) = (Hot::new(1 << 20), AtomicUsize::new(0));
        let asks = (0..10).map(|_| {
            hot.get_or_load(1, || async {
                fails.fetch_add(1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                Err::<Bytes, _>("disk")
            })
        });
        for got in join_all(asks).await {
            assert_eq!(*got.unwrap_err(), "disk");
        }
        assert_eq!(fails.load(Ordering::SeqCst), 1);
        let good = hot
            .get_or_load(1, || async { Ok::<_, &str>(Bytes::from_static(b"good")) })
            .await;
        assert_eq!(good.unwrap(), "good");
    }

    #[tokio::test]
    async fn what_is_in_memory_is_there_at_once() {
        let (hot, loads) = (Hot::new(1 << 20), AtomicUsize::new(0));
        assert_eq!(hot.get_at_once(&1), None);
        hot.get_or_load(1, || load(&loads, b"segment")).await.unwrap();
        assert_eq!(hot.get_at_once(&1), Some(Bytes::from_static(b"segment")));
        hot.forget_if(|key| *key == 1);
        assert_eq!(hot.get_at_once(&1), None);
    }

    #[tokio::test]
    async fn removed_keys_are_loaded_again_and_the_rest_stays() {
        let (hot, loads) = (Hot::new(1 << 20), AtomicUsize::new(0));
        for key in [1, 2] {
            hot.get_or_load(key, || load(&loads, b"old")).await.unwrap();
        }
        hot.forget_if(|key| *key == 1);
        assert_eq!(hot.get_or_load(1, || load(&loads, b"new")).await.unwrap(), "new");
        assert_eq!(hot.get_or_load(2, || load(&loads, b"new")).await.unwrap(), "old");
        assert_eq!(loads.load(Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn bytes_loaded_during_a_removal_are_not_kept() {
        let (hot, loads) = (Hot::new(1 << 20), AtomicUsize::new(0));
        let forgetting = async {
            hot.forget_if(|_| true);
            load(&loads, b"stale").await
        };
        assert_eq!(hot.get_or_load(1, || forgetting).await.unwrap(), "stale");
        assert_eq!(hot.get_or_load(1, || load(&loads, b"fresh")).await.unwrap(), "fresh");
    }

    #[tokio::test]
    async fn memory_stays_within_its_bound() {
        let hot = Hot::new(100_000);
        for key in 0..100 {
            let bytes = || async { Ok::<_, String>(Bytes::from(vec![0; 10_000])) };
            hot.get_or_load(key, bytes).await.unwrap();
        }
        hot.settle().await;
        assert!(hot.bytes() <= 100_000, "{}", hot.bytes());
    }
}
