//! The names of this service's metrics, each written once.

use backing::Metric;

pub(crate) const LOGINS: &str = "moocflix_logins_total";
pub(crate) const SIGNUPS: &str = "moocflix_signups_total";
pub(crate) const PASSWORD_HASHES: &str = "moocflix_password_hashes_total";
pub(crate) const PASSWORD_HASH_WAITING: &str = "moocflix_password_hash_waiting";
pub(crate) const PASSWORD_HASH_REFUSED: &str = "moocflix_password_hash_refused_total";

/// Every metric of this service.
pub(crate) const METRICS: &[Metric] = &[
    Metric {
        name: LOGINS,
        help: "sign-ins by result: ok, wrong, limited, deactivated, busy, error",
    },
    Metric {
        name: SIGNUPS,
        help: "accounts created over HTTP",
    },
    Metric {
        name: PASSWORD_HASHES,
        help: "password hashes computed",
    },
    Metric {
        name: PASSWORD_HASH_WAITING,
        help: "requests waiting for a password hash",
    },
    Metric {
        name: PASSWORD_HASH_REFUSED,
        help: "requests refused because too many were waiting for a password hash",
    },
];
