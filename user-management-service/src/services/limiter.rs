//! Limits on failed sign-ins and on sign-ups; they are checked before any password is hashed.

use crate::config::Limits;
use aws_lc_rs::digest;
use backing::Clock;
use backing::cache::{Cache, MemoryCache};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use contracts::Timestamp;
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
    clock: Clock,
    limits: Limits,
}

impl Limiter {
    pub(crate) fn new(cache: Arc<dyn Cache>, clock: Clock, limits: Limits) -> Self {
        let own = Arc::new(MemoryCache::new(clock.clone(), OWN_BYTES));
        Self {
            cache,
            own,
            clock,
            limits,
        }
    }

    /// Whether a password may be tried; checked again after hashing, so that concurrent tries gain nothing.
    pub(crate) async fn check(&self, attempt: &Attempt) -> Result<(), Limited> {
        for counter in self.failures(attempt) {
            let count = self.count(&counter, 0).await;
            if count >= counter.limit {
                return Err(self.limited(&counter).await);
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
        if self.count(&counter, 1).await > counter.limit {
            Err(self.limited(&counter).await)
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

    async fn count(&self, counter: &Counter, by: u64) -> u64 {
        let shared = match self.cache.increment(&counter.key, by, counter.window).await {
            Ok(count) => count,
            Err(error) => {
                tracing::warn!(%error, "the cache does not answer: limits are counted on this node alone");
                0
            }
        };
        let own = self.own.increment(&counter.key, by, counter.window).await.unwrap_or(0);
        let count = shared.max(own);
        if by > 0 && count == 1 {
            self.remember_start(counter).await;
        }
        count
    }

    async fn remember_start(&self, counter: &Counter) {
        let now = Bytes::from(self.clock.now().0.to_string());
        let _ = self.own.set(&start_key(counter), now, counter.window).await;
    }

    async fn limited(&self, counter: &Counter) -> Limited {
        let start = self.own.get(&start_key(counter)).await.ok().flatten();
        let start = start
            .and_then(|bytes| std::str::from_utf8(&bytes).ok()?.parse().ok())
            .map(Timestamp);
        let passed = start.map_or(Duration::ZERO, |start| self.clock.now().since(start));
        Limited {
            retry_after: counter.window.saturating_sub(passed).max(Duration::from_secs(1)),
        }
    }
}

fn account_key(attempt: &Attempt) -> String {
    format!("users:failed:account:{}", attempt.account)
}

fn start_key(counter: &Counter) -> String {
    format!("{}:start", counter.key)
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
}
