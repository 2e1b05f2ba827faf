//! The names of this service's metrics, each written once.

use backing::Metric;

pub(crate) const ENROLMENTS: &str = "moocflix_enrolments_total";
pub(crate) const REFUSED: &str = "moocflix_enrolments_refused_total";

/// Every metric of this service.
pub(crate) const METRICS: &[Metric] = &[
    Metric {
        name: ENROLMENTS,
        help: "memberships of courses that began",
    },
    Metric {
        name: REFUSED,
        help: "requests to begin or end enrolments that a limit refused: codes, lines, changes",
    },
];
