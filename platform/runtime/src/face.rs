//! What a service states about itself before it is built.

use backing::{Metric, Migration};

/// A service as the process lists it; configuration, schemas, metrics and roles are derived from these.
#[derive(Debug)]
pub struct Face {
    /// Its name: its role in `--roles`, its schema, its database file.
    pub name: &'static str,
    /// Its configuration keys with their defaults, as TOML; empty if it has none.
    pub defaults: &'static str,
    /// Its tables; empty if it has no schema of its own.
    pub migrations: &'static [Migration],
    /// Its metrics.
    pub metrics: &'static [Metric],
    /// What it does, for people.
    pub does: &'static str,
    /// The roles that must be played in the same process while the bus is embedded.
    pub needs: &'static [&'static str],
    /// The roles that it asks questions, here or in other processes.
    pub asks: &'static [&'static str],
}
