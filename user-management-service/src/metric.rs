//! Names of what is counted here, each written once.

use runtime::metrics::Metric;

pub(crate) const LOGINS: &str = "moocflix_logins_total";
pub(crate) const SIGNUPS: &str = "moocflix_signups_total";
pub(crate) const PASSWORD_HASHES: &str = "moocflix_password_hashes_total";
pub(crate) const PASSWORD_HASH_WAITING: &str = "moocflix_password_hash_waiting";
pub(crate) const PASSWORD_HASH_REFUSED: &str = "moocflix_password_hash_refused_total";

/// What this service counts.
pub const METRICS: &[Metric] = &[
    Metric {
        name: LOGINS,
        kind: "counter",
        labels: &["result"],
        help: "sign-ins by result: ok, wrong, limited, deactivated, busy, error",
    },
    Metric {
        name: SIGNUPS,
        kind: "counter",
        labels: &[],
        help: "accounts created over HTTP",
    },
    Metric {
        name: PASSWORD_HASHES,
        kind: "counter",
        labels: &[],
        help: "password hashes computed",
    },
    Metric {
        name: PASSWORD_HASH_WAITING,
        kind: "gauge",
        labels: &[],
        help: "requests waiting for a password hash",
    },
    Metric {
        name: PASSWORD_HASH_REFUSED,
        kind: "counter",
        labels: &[],
        help: "requests refused because too many were waiting for a password hash",
    },
];
