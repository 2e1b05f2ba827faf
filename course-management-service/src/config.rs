//! The service's section of the configuration.

use serde::Deserialize;

/// The default of every key, with its meaning.
pub(crate) const DEFAULTS: &str = include_str!("../config/default.toml");

/// The keys of `[courses]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// How many people a teacher may enrol in a day.
    pub enrolments_per_day: u32,
    /// How many courses one person may own.
    pub owned_courses: u32,
}

impl Config {
    /// Checks the ranges of all keys.
    ///
    /// Errors: the key that is out of range, and its range
    pub fn validate(&self) -> Result<(), String> {
        let keys = [
            ("enrolments_per_day", self.enrolments_per_day),
            ("owned_courses", self.owned_courses),
        ];
        for (key, value) in keys {
            if !(1..=100_000).contains(&value) {
                return Err(format!("courses.{key} = {value}: must be 1 to 100000"));
            }
        }
        Ok(())
    }
}
