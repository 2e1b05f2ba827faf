//! The cache of one process.

use super::{Cache, CacheError, Count};
use crate::Clock;
use async_trait::async_trait;
use bytes::Bytes;
use contracts::Timestamp;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The approximate memory of an entry besides its key and value.
const OVERHEAD: usize = 160;

/// Keeps values in this process, up to a number of bytes; the soonest to expire is evicted first.
#[derive(Debug)]
pub struct MemoryCache {
    clock: Clock,
    max_bytes: usize,
    entries: Mutex<Entries>,
}

#[derive(Debug, Default)]
struct Entries {
    by_key: HashMap<Arc<str>, Entry>,
    by_end: BTreeSet<(Timestamp, Arc<str>)>,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    value: Bytes,
    ends: Timestamp,
}

fn cost(key: &str, value: &Bytes) -> usize {
    OVERHEAD + 2 * key.len() + value.len()
}

impl Entries {
    fn remove(&mut self, key: &str) {
        if let Some((key, entry)) = self.by_key.remove_entry(key) {
            self.bytes -= cost(&key, &entry.value);
            self.by_end.remove(&(entry.ends, key));
        }
    }

    fn living(&self, key: &str, now: Timestamp) -> Option<&Entry> {
        self.by_key.get(key).filter(|entry| entry.ends > now)
    }

    fn put(&mut self, key: &str, value: Bytes, ends: Timestamp) {
        self.remove(key);
        let key: Arc<str> = key.into();
        self.bytes += cost(&key, &value);
        self.by_end.insert((ends, Arc::clone(&key)));
        self.by_key.insert(key, Entry { value, ends });
    }

    fn shrink(&mut self, now: Timestamp, max_bytes: usize) {
        while let Some((ends, key)) = self.by_end.first().cloned() {
            if ends > now && self.bytes <= max_bytes {
                break;
            }
            self.remove(&key);
        }
    }
}

impl MemoryCache {
    /// An empty cache.
    #[must_use]
    pub fn new(clock: Clock, max_bytes: usize) -> Self {
        Self {
            clock,
            max_bytes,
            entries: Mutex::default(),
        }
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Cache for MemoryCache {
    async fn get(&self, key: &str) -> Result<Option<Bytes>, CacheError> {
        let now = self.clock.now();
        Ok(self.entries().living(key, now).map(|entry| entry.value.clone()))
    }

    async fn set(&self, key: &str, value: Bytes, ttl: Duration) -> Result<(), CacheError> {
        let now = self.clock.now();
        let mut entries = self.entries();
        entries.put(key, value, now + ttl);
        entries.shrink(now, self.max_bytes);
        Ok(())
    }

    async fn add(&self, key: &str, value: Bytes, ttl: Duration) -> Result<bool, CacheError> {
        let now = self.clock.now();
        let mut entries = self.entries();
        if entries.living(key, now).is_some() {
            return Ok(false);
        }
        entries.put(key, value, now + ttl);
        entries.shrink(now, self.max_bytes);
        Ok(true)
    }

    async fn delete(&self, key: &str) -> Result<(), CacheError> {
        self.entries().remove(key);
        Ok(())
    }

    async fn increment(&self, key: &str, by: u64, ttl: Duration) -> Result<Count, CacheError> {
        let now = self.clock.now();
        let mut entries = self.entries();
        let (count, ends) = match entries.living(key, now) {
            Some(entry) => (number(&entry.value)?, entry.ends),
            None => (0, now + ttl),
        };
        let value = count.saturating_add(by);
        if by > 0 {
            entries.put(key, Bytes::from(value.to_string()), ends);
            entries.shrink(now, self.max_bytes);
        }
        Ok(Count {
            value,
            left: ends.since(now),
        })
    }
}

fn number(value: &Bytes) -> Result<u64, CacheError> {
    let text = std::str::from_utf8(value).unwrap_or_default();
    text.parse()
        .map_err(|_| CacheError("the value is not a counter".to_owned()))
}
