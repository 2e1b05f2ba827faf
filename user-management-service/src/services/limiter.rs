//! Limits on failed sign-ins and on sign-ups; they are checked before any password is hashed.

use crate::config::Limits;
use aws_lc_rs::digest;
use backing::Clock;
use backing::cache::{Cache, Count, MemoryCache};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

const FAILURE_WINDOW: Duration = Duration::from_secs(15 * 60);
const SIGNUP_WINDOW: Duration = Duration::from_secs(60 * 60);
/// Memory for this node's own counters: room for some hundred thousand.
const OWN_BYTES: usize = 32 * 1_024 * 1_024;

/// The limit is reached; it ends after this time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limited {
    pub(crate) retry_after: Duration,
}

/// A counter whose window starts with the first count.
struct Counter {
    key: String,
    limit: u64,
    window: Duration,
}

/// A try of a password: the account and the client's address.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    account: String,
    address: IpAddr,
}

impl Attempt {
    /// A try on the account of an address's key, whether the account exists or not.
    pub(crate) fn new(email_key: &str, address: IpAddr) -> Self {
        // A hash has a fixed length and keeps addresses from the cache server.
        let account = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, email_key.as_bytes()));
        Self { account, address }
    }
}

/// Counts tries per account and per client address.
#[derive(Clone)]
pub(crate) struct Limiter {
    cache: Arc<dyn Cache>,
    /// Counts while a shared cache is down, so that an outage lifts no limit.
    own: Arc<MemoryCache>,
    limits: Limits,
}

impl Limiter {
    pub(crate) fn new(cache: Arc<dyn Cache>, clock: Clock, limits: Limits) -> Self {
        let own = Arc::new(MemoryCache::new(clock, OWN_BYTES));
        Self { cache, own, limits }
    }

    /// Whether a password may be tried; checked again after hashing, so that concurrent tries gain nothing.
    pub(crate) async fn check(&self, attempt: &Attempt) -> Result<(), Limited> {
        for counter in self.failures(attempt) {
            let count = self.count(&counter, 0).await;
            if count.value >= counter.limit {
                return Err(limited(count));
            }
        }
        Ok(())
    }

    /// Counts a wrong password.
    pub(crate) async fn failed(&self, attempt: &Attempt) {
        for counter in self.failures(attempt) {
            self.count(&counter, 1).await;
        }
    }

    /// Forgets an account's failures, after its owner signed in.
    pub(crate) async fn forgive(&self, attempt: &Attempt) {
        let key = account_key(attempt);
        let _ = self.own.delete(&key).await;
        let _ = self.cache.delete(&key).await;
    }

    /// Counts a sign-up.
    ///
    /// Errors: `Limited` when there were too many from this address
    pub(crate) async fn sign_up(&self, address: IpAddr) -> Result<(), Limited> {
        if self.limits.signups_per_address == 0 {
            return Ok(());
        }
        let counter = Counter {
            key: format!("users:signup:{}", network(address)),
            limit: self.limits.signups_per_address,
            window: SIGNUP_WINDOW,
        };
        let count = self.count(&counter, 1).await;
        if count.value > counter.limit {
            Err(limited(count))
        } else {
            Ok(())
        }
    }

    fn failures(&self, attempt: &Attempt) -> Vec<Counter> {
        let account = Counter {
            key: account_key(attempt),
            limit: self.limits.failures_per_account,
            window: FAILURE_WINDOW,
        };
        let address = Counter {
            key: format!("users:failed:address:{}", network(attempt.address)),
            limit: self.limits.failures_per_address,
            window: FAILURE_WINDOW,
        };
        [account, address]
            .into_iter()
            .filter(|counter| counter.limit > 0)
            .collect()
    }

    async fn count(&self, counter: &Counter, by: u64) -> Count {
        let none = Count {
            value: 0,
            left: counter.window,
        };
        let shared = match self.cache.increment(&counter.key, by, counter.window).await {
            Ok(count) => count,
            Err(error) => {
                tracing::warn!(%error, "the cache does not answer: limits are counted on this node alone");
                none
            }
        };
        let own = self
            .own
            .increment(&counter.key, by, counter.window)
            .await
            .unwrap_or(none);
        // At a tie the shared window counts: this node may have opened its own later.
        if own.value > shared.value { own } else { shared }
    }
}

fn limited(count: Count) -> Limited {
    Limited {
        retry_after: count.left.max(Duration::from_secs(1)),
    }
}

fn account_key(attempt: &Attempt) -> String {
    format!("users:failed:account:{}", attempt.account)
}

/// The network that counts as one client: an IPv6 client owns its whole /64.
fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_client_counts_as_its_network_and_a_mapped_one_as_its_ipv4_address() {
        assert_eq!(network("2001:db8:1:2:3:4:5:6".parse().unwrap()), "2001:db8:1:2::/64");
        assert_eq!(network("2001:db8:1:2::1".parse().unwrap()), "2001:db8:1:2::/64");
        assert_eq!(network("::ffff:192.0.2.7".parse().unwrap()), "192.0.2.7");
    }

    #[tokio::test]
    async fn every_node_knows_when_a_limit_that_another_counted_ends() {
        let clock = Clock::fixed(contracts::Timestamp::from_seconds(1_800_000_000));
        let cache: Arc<dyn Cache> = Arc::new(MemoryCache::new(clock.clone(), OWN_BYTES));
        let limits = Limits {
            failures_per_account: 2,
            failures_per_address: 0,
            signups_per_address: 0,
        };
        let node = || Limiter::new(Arc::clone(&cache), clock.clone(), limits);
        let (one, other) = (node(), node());
        let attempt = Attempt::new("ada@example.org", "192.0.2.7".parse().unwrap());
        one.failed(&attempt).await;
        clock.advance(Duration::from_secs(60));
        other.failed(&attempt).await;
        clock.advance(Duration::from_secs(40));
        let limited = Err(Limited {
            retry_after: FAILURE_WINDOW - Duration::from_secs(100),
        });
        assert_eq!(one.check(&attempt).await, limited);
        assert_eq!(other.check(&attempt).await, limited);
    }
}
