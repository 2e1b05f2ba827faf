//! The service's section of the configuration.

use runtime::config::Faults;
use serde::Deserialize;

/// The default of every key, with its meaning.
pub(crate) const DEFAULTS: &str = include_str!("../config/default.toml");

/// The keys of `[courses]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where processes without this role reach it.
    pub base_url: Option<String>,
    /// How many people a teacher may enrol in a day.
    pub enrolments_per_day: u32,
    /// How many courses one person may own.
    pub owned_courses: u32,
}

impl Config {
    /// Checks the ranges of all keys.
    ///
    /// Errors: each key that is out of range, and its range
    pub fn validate(&self) -> Result<(), Faults> {
        let mut faults = Faults::default();
        for (key, value) in [
            ("enrolments_per_day", self.enrolments_per_day),
            ("owned_courses", self.owned_courses),
        ] {
            faults.within(&format!("courses.{key}"), value.into(), 1, 100_000);
        }
        faults.into_result()
    }
}
