//! Answers and counters that may be lost at any time; never the truth.

mod memory;

pub use memory::MemoryCache;

use async_trait::async_trait;
use bytes::Bytes;
use std::time::Duration;

/// A cache that can't be reached; callers go on without it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the cache is not available: {0}")]
pub struct CacheError(pub String);

/// A counter, and how long its window still lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// The counter's value.
    pub value: u64,
    /// The rest of the window; the whole of it where nothing is counted yet.
    pub left: Duration,
}

/// Keeps small values for a while.
#[async_trait]
pub trait Cache: Send + Sync {
    /// The value of a key, if it is there and not too old.
    async fn get(&self, key: &str) -> Result<Option<Bytes>, CacheError>;

    /// Keeps a value for `ttl` at the longest.
    async fn set(&self, key: &str, value: Bytes, ttl: Duration) -> Result<(), CacheError>;

    /// Forgets a key.
    async fn delete(&self, key: &str) -> Result<(), CacheError>;

    /// Adds to a counter and returns what it is now; `by` 0 only returns it.
    ///
    /// The counter's window of `ttl` begins with the first addition, and later ones don't extend it.
    /// Shape: read with `get` it is a decimal number
    async fn increment(&self, key: &str, by: u64, ttl: Duration) -> Result<Count, CacheError>;
}
