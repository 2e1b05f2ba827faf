//! Values and counters that may be lost at any time; never the only copy.

mod load;
mod memory;

pub use load::load;
pub use memory::MemoryCache;

use async_trait::async_trait;
use bytes::Bytes;
use std::time::Duration;

/// An unreachable cache; callers continue without it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the cache is not available: {0}")]
pub struct CacheError(pub String);

/// A counter, and the rest of its window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// The counter's value.
    pub value: u64,
    /// The rest of the window; the whole window if nothing is counted yet.
    pub left: Duration,
}

/// Keeps small values and counters for a limited time. Answers come within a quarter of a second, or as an error.
///
/// A key is a value or a counter for as long as it exists.
#[async_trait]
pub trait Cache: Send + Sync {
    /// Returns the value of a key, unless it is missing or expired.
    async fn get(&self, key: &str) -> Result<Option<Bytes>, CacheError>;

    /// Keeps a value for at most `ttl`.
    async fn set(&self, key: &str, value: Bytes, ttl: Duration) -> Result<(), CacheError>;

    /// Keeps a value for at most `ttl`, unless the key has one; returns whether it is kept. Of several nodes, one succeeds.
    async fn add(&self, key: &str, value: Bytes, ttl: Duration) -> Result<bool, CacheError>;

    /// Deletes a key.
    async fn delete(&self, key: &str) -> Result<(), CacheError>;

    /// Adds to a counter and returns its new state; `by` 0 only reads it.
    ///
    /// The counter's window of `ttl` starts with the first addition, and later ones don't extend it.
    /// Shape: `get` returns it as a decimal number
    async fn increment(&self, key: &str, by: u64, ttl: Duration) -> Result<Count, CacheError>;
}
