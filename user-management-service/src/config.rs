//! The service's section of the configuration.

use contracts::Role;
use passwords::limiter::Limits;
use runtime::config::Faults;
use runtime::remote::ProviderConfig;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The default of every key, with its meaning.
pub(crate) const DEFAULTS: &str = include_str!("../config/default.toml");

/// The longest life that an access token can be given.
const LONGEST_ACCESS: Duration = Duration::from_secs(3_600);
/// How long revocations last: longer than any token, whose end other clocks see half a minute late.
pub(crate) const LONGEST_REFUSAL: Duration = Duration::from_secs(3_600 + 60);

/// The keys of `[users]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where processes without this role reach it.
    pub base_url: Option<String>,
    /// How long an access token is valid.
    ///
    /// Units: seconds, 5 to 3600
    pub access_token_seconds: u64,
    /// How long a sign-in lasts without being used.
    ///
    /// Units: days, 1 to 365
    pub refresh_token_days: u64,
    /// How long a sign-in lasts at most.
    ///
    /// Units: days, 1 to 365
    pub session_days: u64,
    /// How long a key signs before the next one takes over.
    ///
    /// Units: days, 2 to 3650
    pub signing_key_days: u64,
    /// How many passwords are hashed at the same time; 0 means one per core.
    pub hash_workers: usize,
    /// The role that a new account gets.
    pub signup_role: Role,
    /// The limits on tries.
    pub limits: Limits,
    /// Other issuers whose people have accounts here, by the names in the configuration.
    pub providers: BTreeMap<String, ProviderConfig>,
    /// The address that browsers use: a copy of the top-level key of this name.
    #[serde(skip)]
    pub public_url: Option<String>,
}

impl Config {
    /// Checks the ranges of all keys.
    ///
    /// Errors: each key that is out of range, and its range
    pub fn validate(&self) -> Result<(), Faults> {
        let mut faults = Faults::default();
        for (key, value, low, high) in [
            (
                "access_token_seconds",
                self.access_token_seconds,
                5,
                LONGEST_ACCESS.as_secs(),
            ),
            ("refresh_token_days", self.refresh_token_days, 1, 365),
            ("session_days", self.session_days, 1, 365),
            ("signing_key_days", self.signing_key_days, 2, 3_650),
        ] {
            faults.within(&format!("users.{key}"), value, low, high);
        }
        faults.unless(self.hash_workers <= 1_024, || {
            format!("users.hash_workers = {}: must be 0 to 1024", self.hash_workers)
        });
        faults.unless(self.signup_role != Role::Admin, || {
            "users.signup_role: must be learner or instructor; nobody signs up as an admin".to_owned()
        });
        let mut issuers = BTreeSet::new();
        for (name, provider) in &self.providers {
            faults.take(provider.validate(name));
            faults.unless(provider.issuer.is_none() || issuers.insert(&provider.issuer), || {
                format!("users.providers.{name}.issuer: another provider has the same")
            });
        }
        faults.into_result()
    }

    pub(crate) const fn access_life(&self) -> Duration {
        Duration::from_secs(self.access_token_seconds)
    }

    pub(crate) const fn idle_life(&self) -> Duration {
        days(self.refresh_token_days)
    }

    pub(crate) const fn session_life(&self) -> Duration {
        days(self.session_days)
    }

    pub(crate) const fn key_period(&self) -> Duration {
        days(self.signing_key_days)
    }
}

const fn days(count: u64) -> Duration {
    Duration::from_secs(count.saturating_mul(86_400))
}
