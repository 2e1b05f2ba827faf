//! The service's section of the configuration.

use contracts::Role;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The defaults, each with its meaning.
pub const DEFAULTS: &str = include_str!("../config/default.toml");

/// The longest life of an access token that can be set; refusals outlive it.
pub(crate) const LONGEST_ACCESS: Duration = Duration::from_secs(3_600);

/// What can be set about accounts.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// How long an access token is good for.
    ///
    /// Units: seconds, 60 to 3600
    pub access_token_seconds: u64,
    /// How long a sign-in lives without being used.
    ///
    /// Units: days, 1 to 365
    pub refresh_token_days: u64,
    /// How long a sign-in lives at most.
    ///
    /// Units: days, 1 to 365
    pub session_days: u64,
    /// How long a signing key signs.
    ///
    /// Units: days, 2 to 3650
    pub signing_key_days: u64,
    /// How many passwords are hashed at once; 0 = one a core.
    pub hash_workers: usize,
    /// What who signs up becomes.
    pub signup_role: Role,
    /// How often things may fail.
    pub limits: Limits,
    /// The address that browsers use; set by whoever composes the process, from the key of that name.
    #[serde(skip)]
    pub public_url: Option<String>,
}

/// How often things may fail; 0 = as often as anybody likes.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Failed sign-ins an account in 15 minutes.
    pub failures_per_account: u64,
    /// Failed sign-ins a client address in 15 minutes.
    pub failures_per_address: u64,
    /// Sign-ups a client address in an hour.
    pub signups_per_address: u64,
}

impl Config {
    /// Checks what types can't.
    ///
    /// # Errors
    /// Which key is wrong and what it may be.
    pub fn validate(&self) -> Result<(), String> {
        let within = |key: &str, value: u64, low: u64, high: u64| {
            if (low..=high).contains(&value) {
                Ok(())
            } else {
                Err(format!("users.{key} = {value}: must be {low} to {high}"))
            }
        };
        within(
            "access_token_seconds",
            self.access_token_seconds,
            5,
            LONGEST_ACCESS.as_secs(),
        )?;
        within("refresh_token_days", self.refresh_token_days, 1, 365)?;
        within("session_days", self.session_days, 1, 365)?;
        within("signing_key_days", self.signing_key_days, 2, 3_650)?;
        if self.hash_workers > 1_024 {
            return Err(format!("users.hash_workers = {}: must be 0 to 1024", self.hash_workers));
        }
        if self.signup_role == Role::Admin {
            return Err("users.signup_role: must be learner or instructor; nobody signs up as an admin".to_owned());
        }
        Ok(())
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
