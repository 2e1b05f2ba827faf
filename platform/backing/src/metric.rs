//! The description of metrics, and this crate's metrics.

pub(crate) const TASKS: &str = "moocflix_tasks_total";
pub(crate) const TASKS_WAITING: &str = "moocflix_tasks_waiting";
pub(crate) const OUTBOX_WAITING: &str = "moocflix_outbox_waiting";
pub(crate) const EVENTS: &str = "moocflix_events_published_total";
pub(crate) const EVENTS_HANDLED: &str = "moocflix_events_handled_total";
pub(crate) const BUS_LAG: &str = "moocflix_bus_lag";
pub(crate) const BUS_ERRORS: &str = "moocflix_bus_errors_total";
pub(crate) const DISK_FREE: &str = "moocflix_disk_free";
pub(crate) const HOT_HITS: &str = "moocflix_hot_hits_total";
pub(crate) const HOT_MISSES: &str = "moocflix_hot_misses_total";

/// One metric, as listed in `docs/metrics.md`; the end of its name shows its kind.
///
/// Shape: `…_total` is a counter, `…_seconds` and `…_bytes` are histograms, anything else is a gauge
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// Its name in `/metrics`.
    pub name: &'static str,
    /// Its meaning and its unit.
    pub help: &'static str,
}

/// Every metric of this crate.
pub const METRICS: &[Metric] = &[
    Metric {
        name: TASKS,
        help: "tasks that were run, by kind and result (done, again, retry, dead, lost)",
    },
    Metric {
        name: TASKS_WAITING,
        help: "tasks that wait for a worker or for their time, by service",
    },
    Metric {
        name: OUTBOX_WAITING,
        help: "events that wait in an outbox to be published, by service",
    },
    Metric {
        name: EVENTS,
        help: "events published, by topic and result (published, failed)",
    },
    Metric {
        name: EVENTS_HANDLED,
        help: "events that a group took, by group and result (handled, again, dead)",
    },
    Metric {
        name: BUS_LAG,
        help: "events that a group has not handled yet, by group",
    },
    Metric {
        name: BUS_ERRORS,
        help: "errors of the bus's broker, or of the connection to it",
    },
    Metric {
        name: DISK_FREE,
        help: "bytes that are free on the disk of the data directory (data) or of the lectures (objects)",
    },
    Metric {
        name: HOT_HITS,
        help: "requests for hot bytes that were served from memory",
    },
    Metric {
        name: HOT_MISSES,
        help: "requests for hot bytes that had to load them",
    },
];
