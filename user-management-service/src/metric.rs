//! The names of this service's metrics, each written once.

use backing::Metric;
use passwords::metric::{PASSWORD_HASH_REFUSED, PASSWORD_HASH_WAITING, PASSWORD_HASHES, REFUSED};

pub(crate) const LOGINS: &str = "moocflix_logins_total";
pub(crate) const SIGNUPS: &str = "moocflix_signups_total";
pub(crate) const ACTS_WAITING: &str = "moocflix_security_acts_waiting";

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
    Metric {
        name: REFUSED,
        help: "requests refused by a limit: failures, accounts, wait, signin, signup, address_change, write, refresh",
    },
    Metric {
        name: ACTS_WAITING,
        help: "logouts, deactivations and changes of passwords or roles that are in force but not stored yet",
    },
];
