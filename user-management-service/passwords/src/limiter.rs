//! Limits on tries: on failed and on successful sign-ins, on sign-ups, changes of address, writes and refreshes.
//!
//! Failures are counted for an account and a client together, so that nobody is locked out by what others do. All
//! failures on an account make each further one wait longer, and the number of accounts that one client failed on is
//! limited. A known device has failures of its own, and the others' don't concern it. All limits are checked before any
//! password is hashed.

use crate::attempt::{Attempt, network};
use crate::metric;
use backing::Clock;
use backing::cache::{Cache, Count, MemoryCache};
use contracts::{SessionId, UserId};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

const FAILURE_WINDOW: Duration = Duration::from_secs(15 * 60);
const SIGNUP_WINDOW: Duration = Duration::from_secs(60 * 60);
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How many failures on an account, from wherever, are free; each further one makes the next wait.
const FREE_FAILURES: u64 = 100;
/// How many further failures double the wait.
const DOUBLES_AFTER: u64 = 5;
const LONGEST_WAIT: Duration = Duration::from_secs(60);
const ADDRESS_CHANGES_PER_DAY: u64 = 3;
const WRITES_PER_MINUTE: u64 = 30;
const REFRESHES_PER_MINUTE: u64 = 60;
/// Memory for this node's own counters: room for some hundred thousand.
const OWN_BYTES: usize = 32 * 1_024 * 1_024;

/// The keys of `[users.limits]`; 0 means no limit.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Failed sign-ins of a client address on an account in 15 minutes; a known device has as many of its own.
    pub failures_per_account: u64,
    /// Accounts that a client address fails to sign in to in 15 minutes.
    pub failures_per_address: u64,
    /// Sign-ins per account in a minute.
    pub signins_per_account: u64,
    /// Sign-ups and changes of e-mail addresses per client address in an hour.
    pub signups_per_address: u64,
}

/// The limit is reached; it ends after this time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limited {
    /// When the limit ends.
    pub retry_after: Duration,
}

/// A counter whose window starts with the first count.
struct Counter {
    /// What the counter limits, for the metric.
    limits: &'static str,
    key: String,
    /// 0 means no limit.
    limit: u64,
    window: Duration,
}

/// Counts tries.
#[derive(Clone)]
pub struct Limiter {
    cache: Arc<dyn Cache>,
    /// Counts while a shared cache is down, so that an outage lifts no limit.
    own: Arc<MemoryCache>,
    limits: Limits,
}

impl Limiter {
    /// A limiter whose nodes share the cache's counters.
    #[must_use]
    pub fn new(cache: Arc<dyn Cache>, clock: Clock, limits: Limits) -> Self {
        let own = Arc::new(MemoryCache::new(clock, OWN_BYTES));
        Self { cache, own, limits }
    }

    /// Whether a password may be tried; checked again after hashing, so that concurrent tries gain nothing.
    pub async fn check(&self, attempt: &Attempt) -> Result<(), Limited> {
        self.demand(&self.sign_ins(attempt)).await?;
        self.demand(&self.failures(attempt)).await?;
        if attempt.known.is_some() {
            return Ok(());
        }
        self.demand(&self.accounts_failed_on(attempt)).await?;
        self.demand(&self.wait(attempt, LONGEST_WAIT)).await
    }

    /// Counts a wrong password.
    pub async fn failed(&self, attempt: &Attempt) {
        let own = self.count(&self.failures(attempt), 1).await;
        if attempt.known.is_some() {
            return;
        }
        if own.value == 1 {
            self.count(&self.accounts_failed_on(attempt), 1).await;
        }
        let all = self.count(&all_failures(attempt), 1).await.value;
        if all >= FREE_FAILURES {
            self.count(&self.wait(attempt, wait_after(all)), 1).await;
        }
    }

    /// Counts a right password, and forgets this client's failures.
    pub async fn succeeded(&self, attempt: &Attempt) {
        self.count(&self.sign_ins(attempt), 1).await;
        self.forgive(attempt).await;
    }

    /// Forgets this client's failures on the account.
    pub async fn forgive(&self, attempt: &Attempt) {
        let key = self.failures(attempt).key;
        let _ = self.own.delete(&key).await;
        let _ = self.cache.delete(&key).await;
    }

    /// Counts a sign-up.
    ///
    /// Errors: `Limited` when there were too many from this address
    pub async fn sign_up(&self, address: IpAddr) -> Result<(), Limited> {
        self.take(&Counter {
            limits: "signup",
            key: format!("users:signup:{}", network(address)),
            limit: self.limits.signups_per_address,
            window: SIGNUP_WINDOW,
        })
        .await
    }

    /// Counts a change of an account's e-mail address, which shows as a sign-up does whether an address is taken.
    ///
    /// Errors: `Limited` when there were too many of the account, or too many with sign-ups from this address
    pub async fn change_address(&self, user: UserId, address: IpAddr) -> Result<(), Limited> {
        self.take(&Counter {
            limits: "address_change",
            key: format!("users:address-changes:{user}"),
            limit: ADDRESS_CHANGES_PER_DAY,
            window: DAY,
        })
        .await?;
        self.sign_up(address).await
    }

    /// Counts a change that a person makes to their account.
    ///
    /// Errors: `Limited` when there were too many
    pub async fn write(&self, user: UserId) -> Result<(), Limited> {
        self.take(&Counter {
            limits: "write",
            key: format!("users:writes:{user}"),
            limit: WRITES_PER_MINUTE,
            window: MINUTE,
        })
        .await
    }

    /// Whether a sign-in may be refreshed.
    ///
    /// Errors: `Limited` when it was refreshed too often
    pub async fn check_refresh(&self, session: SessionId) -> Result<(), Limited> {
        self.demand(&refreshes(session)).await
    }

    /// Counts a refresh that made a new token.
    pub async fn refreshed(&self, session: SessionId) {
        self.count(&refreshes(session), 1).await;
    }

    /// The failures of a client that the account knows, or of the client's network.
    fn failures(&self, attempt: &Attempt) -> Counter {
        let client = attempt.known.as_ref().unwrap_or(&attempt.network);
        Counter {
            limits: "failures",
            key: format!("users:failed:{}:{client}", attempt.account),
            limit: self.limits.failures_per_account,
            window: FAILURE_WINDOW,
        }
    }

    fn accounts_failed_on(&self, attempt: &Attempt) -> Counter {
        Counter {
            limits: "accounts",
            key: format!("users:failed:accounts-of:{}", attempt.network),
            limit: self.limits.failures_per_address,
            window: FAILURE_WINDOW,
        }
    }

    /// Is counted as long as a wait lasts.
    fn wait(&self, attempt: &Attempt, window: Duration) -> Counter {
        Counter {
            limits: "wait",
            key: format!("users:wait:{}", attempt.account),
            limit: self.limits.failures_per_account.min(1),
            window,
        }
    }

    fn sign_ins(&self, attempt: &Attempt) -> Counter {
        Counter {
            limits: "signin",
            key: format!("users:signins:{}", attempt.account),
            limit: self.limits.signins_per_account,
            window: MINUTE,
        }
    }

    /// Counts one, if the limit allows one more.
    async fn take(&self, counter: &Counter) -> Result<(), Limited> {
        if counter.limit == 0 {
            return Ok(());
        }
        let count = self.count(counter, 1).await;
        if count.value > counter.limit {
            return Err(limited(counter, count));
        }
        Ok(())
    }

    /// Whether the limit is not reached; counts nothing.
    async fn demand(&self, counter: &Counter) -> Result<(), Limited> {
        if counter.limit == 0 {
            return Ok(());
        }
        let count = self.count(counter, 0).await;
        if count.value >= counter.limit {
            return Err(limited(counter, count));
        }
        Ok(())
    }

    async fn count(&self, counter: &Counter, by: u64) -> Count {
        let none = Count {
            value: 0,
            left: counter.window,
        };
        let shared = match self.cache.increment(&counter.key, by, counter.window).await {
            Ok(count) => count,
            Err(error) => {
                tracing::debug!(%error, "the cache does not answer: a limit is counted on this node alone");
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

fn refreshes(session: SessionId) -> Counter {
    Counter {
        limits: "refresh",
        key: format!("users:refreshes:{session}"),
        limit: REFRESHES_PER_MINUTE,
        window: MINUTE,
    }
}

fn all_failures(attempt: &Attempt) -> Counter {
    Counter {
        limits: "wait",
        key: format!("users:failed:{}", attempt.account),
        limit: FREE_FAILURES,
        window: FAILURE_WINDOW,
    }
}

/// How long the next try has to wait after this many failures on the account.
fn wait_after(failures: u64) -> Duration {
    let doublings = failures.saturating_sub(FREE_FAILURES) / DOUBLES_AFTER;
    let seconds = 1_u64
        .checked_shl(u32::try_from(doublings).unwrap_or(u32::MAX))
        .unwrap_or(u64::MAX);
    Duration::from_secs(seconds).min(LONGEST_WAIT)
}

fn limited(counter: &Counter, count: Count) -> Limited {
    metrics::counter!(metric::REFUSED, "limit" => counter.limits).increment(1);
    Limited {
        retry_after: count.left.max(Duration::from_secs(1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::Timestamp;

    fn clock() -> Clock {
        Clock::fixed(Timestamp::from_seconds(1_800_000_000))
    }

    fn limits(failures_per_account: u64, failures_per_address: u64) -> Limits {
        Limits {
            failures_per_account,
            failures_per_address,
            signins_per_account: 0,
            signups_per_address: 0,
        }
    }

    fn limiter(clock: &Clock, limits: Limits) -> Limiter {
        Limiter::new(
            Arc::new(MemoryCache::new(clock.clone(), OWN_BYTES)),
            clock.clone(),
            limits,
        )
    }

    fn attempt(account: &str, host: u8) -> Attempt {
        Attempt::new(account, IpAddr::from([192, 0, 2, host]))
    }

    #[tokio::test]
    async fn every_node_knows_when_a_limit_that_another_counted_ends() {
        let clock = clock();
        let cache: Arc<dyn Cache> = Arc::new(MemoryCache::new(clock.clone(), OWN_BYTES));
        let node = || Limiter::new(Arc::clone(&cache), clock.clone(), limits(2, 0));
        let (one, other) = (node(), node());
        let attempt = attempt("ada@example.org", 7);
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

    #[tokio::test]
    async fn a_botnet_s_failures_make_each_next_one_wait_longer_and_a_known_device_never() {
        let clock = clock();
        let limiter = limiter(&clock, limits(10, 100));
        let mut evaluated = 0;
        let start = clock.now();
        while clock.now().since(start) < FAILURE_WINDOW {
            for host in 0..20 {
                if limiter.check(&attempt("ada", host)).await.is_ok() {
                    limiter.failed(&attempt("ada", host)).await;
                    evaluated += 1;
                }
            }
            clock.advance(Duration::from_secs(1));
        }
        assert!(
            (FREE_FAILURES..FREE_FAILURES + 60).contains(&evaluated),
            "{evaluated} tries in a quarter of an hour"
        );
        let owner = attempt("ada", 1).on_device([1; 32]);
        assert_eq!(limiter.check(&owner).await, Ok(()));
        assert_eq!(
            limiter.check(&attempt("bob", 1)).await,
            Ok(()),
            "another account does not wait"
        );
    }

    #[tokio::test]
    async fn a_known_device_has_ten_tries_of_its_own() {
        let clock = clock();
        let limiter = limiter(&clock, limits(10, 1));
        let device = attempt("ada", 1).on_device([1; 32]);
        limiter.failed(&attempt("eve", 1)).await;
        for _ in 0..10 {
            assert_eq!(
                limiter.check(&device).await,
                Ok(()),
                "the address's limit does not concern it"
            );
            limiter.failed(&device).await;
        }
        assert!(limiter.check(&device).await.is_err());
        assert!(
            limiter.check(&attempt("ada", 2)).await.is_ok(),
            "nobody else is concerned"
        );
        limiter.forgive(&device).await;
        assert_eq!(limiter.check(&device).await, Ok(()));
    }

    #[tokio::test]
    async fn the_address_s_limit_counts_accounts_and_not_failures() {
        let limiter = limiter(&clock(), limits(10, 3));
        for _ in 0..9 {
            limiter.failed(&attempt("ada", 1)).await;
        }
        assert!(limiter.check(&attempt("bob", 1)).await.is_ok());
        for account in ["bob", "eve"] {
            limiter.failed(&attempt(account, 1)).await;
        }
        assert!(limiter.check(&attempt("joe", 1)).await.is_err());
        assert!(limiter.check(&attempt("joe", 2)).await.is_ok());
    }
}
