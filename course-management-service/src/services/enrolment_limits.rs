//! Limits wrong codes, so that nobody guesses one, and how often people join and leave courses.

use crate::metric;
use backing::Clock;
use backing::cache::{Cache, Count, MemoryCache};
use contracts::{CourseId, UserId};
use std::sync::Arc;
use std::time::Duration;

/// Wrong codes of one user for one course in a window.
const WRONG_CODES: u64 = 10;
const CODES_WINDOW: Duration = Duration::from_secs(15 * 60);
/// How often one user joins and leaves courses in a minute; each time, an event is published.
const CHANGES_PER_MINUTE: u64 = 120;
const MINUTE: Duration = Duration::from_secs(60);
/// Memory for this node's own counters.
const OWN_BYTES: usize = 4 * 1_024 * 1_024;

/// A counter whose window starts with the first count.
struct Counter {
    /// What the counter limits, for the metric.
    limits: &'static str,
    key: String,
    limit: u64,
    window: Duration,
}

/// Counts the codes that people try, and the memberships that they begin and end themselves.
#[derive(Clone)]
pub(crate) struct EnrolmentLimits {
    cache: Arc<dyn Cache>,
    /// Counts while a shared cache is down, so that an outage lifts no limit.
    own: Arc<MemoryCache>,
}

impl EnrolmentLimits {
    pub(crate) fn new(cache: Arc<dyn Cache>, clock: Clock) -> Self {
        let own = Arc::new(MemoryCache::new(clock, OWN_BYTES));
        Self { cache, own }
    }

    /// Counts a try before the code is compared, so that tries at the same time gain nothing; a right one is forgiven.
    ///
    /// Errors: after how long another try is possible
    pub(crate) async fn try_code(&self, course: CourseId, user: UserId) -> Result<(), Duration> {
        self.take(&Counter {
            limits: "codes",
            key: codes(course, user),
            limit: WRONG_CODES,
            window: CODES_WINDOW,
        })
        .await
    }

    /// Forgets the tries of somebody who gave the right code.
    pub(crate) async fn forgive(&self, course: CourseId, user: UserId) {
        let key = codes(course, user);
        let _ = self.own.delete(&key).await;
        let _ = self.cache.delete(&key).await;
    }

    /// Counts that somebody joins or leaves a course, before they do.
    ///
    /// Errors: after how long they may join or leave again
    pub(crate) async fn change(&self, user: UserId) -> Result<(), Duration> {
        self.take(&Counter {
            limits: "changes",
            key: format!("courses:changes:{user}"),
            limit: CHANGES_PER_MINUTE,
            window: MINUTE,
        })
        .await
    }

    /// Counts one, if the limit allows one more.
    async fn take(&self, counter: &Counter) -> Result<(), Duration> {
        let (key, window) = (counter.key.as_str(), counter.window);
        let none = Count { value: 0, left: window };
        let shared = self.cache.increment(key, 1, window).await.unwrap_or_else(|error| {
            tracing::debug!(%error, "the cache does not answer: a limit is counted on this node alone");
            none
        });
        let own = self.own.increment(key, 1, window).await.unwrap_or(none);
        let count = if own.value > shared.value { own } else { shared };
        if count.value > counter.limit {
            metrics::counter!(metric::REFUSED, "limit" => counter.limits).increment(1);
            return Err(count.left.max(Duration::from_secs(1)));
        }
        Ok(())
    }
}

fn codes(course: CourseId, user: UserId) -> String {
    format!("courses:codes:{course}:{user}")
}
