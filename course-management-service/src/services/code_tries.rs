//! Limits wrong codes, so that nobody guesses one.

use crate::metric;
use backing::Clock;
use backing::cache::{Cache, Count, MemoryCache};
use contracts::{CourseId, UserId};
use std::sync::Arc;
use std::time::Duration;

/// Wrong codes of one user for one course in a window.
const WRONG_CODES: u64 = 10;
const WINDOW: Duration = Duration::from_secs(15 * 60);
/// Memory for this node's own counters.
const OWN_BYTES: usize = 4 * 1_024 * 1_024;

/// Counts wrong codes.
#[derive(Clone)]
pub(crate) struct CodeTries {
    cache: Arc<dyn Cache>,
    /// Counts while a shared cache is down, so that an outage lifts no limit.
    own: Arc<MemoryCache>,
}

impl CodeTries {
    pub(crate) fn new(cache: Arc<dyn Cache>, clock: Clock) -> Self {
        let own = Arc::new(MemoryCache::new(clock, OWN_BYTES));
        Self { cache, own }
    }

    /// Counts a try before the code is compared, so that tries at the same time gain nothing; a right one is forgiven.
    ///
    /// Errors: after how long another try is possible
    pub(crate) async fn count(&self, course: CourseId, user: UserId) -> Result<(), Duration> {
        let key = key(course, user);
        let none = Count { value: 0, left: WINDOW };
        let shared = self.cache.increment(&key, 1, WINDOW).await.unwrap_or_else(|error| {
            tracing::debug!(%error, "the cache does not answer: a wrong code is counted on this node alone");
            none
        });
        let own = self.own.increment(&key, 1, WINDOW).await.unwrap_or(none);
        let count = if own.value > shared.value { own } else { shared };
        if count.value > WRONG_CODES {
            metrics::counter!(metric::REFUSED, "limit" => "codes").increment(1);
            return Err(count.left.max(Duration::from_secs(1)));
        }
        Ok(())
    }

    /// Forgets the tries of somebody who gave the right code.
    pub(crate) async fn forgive(&self, course: CourseId, user: UserId) {
        let key = key(course, user);
        let _ = self.own.delete(&key).await;
        let _ = self.cache.delete(&key).await;
    }
}

fn key(course: CourseId, user: UserId) -> String {
    format!("courses:codes:{course}:{user}")
}
