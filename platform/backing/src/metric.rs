//! Names of what is measured here, each written once.

pub(crate) const TASKS: &str = "moocflix_tasks_total";
pub(crate) const TASKS_WAITING: &str = "moocflix_tasks_waiting";
pub(crate) const OUTBOX_WAITING: &str = "moocflix_outbox_waiting";
pub(crate) const EVENTS: &str = "moocflix_events_published_total";
pub(crate) const EVENTS_HANDLED: &str = "moocflix_events_handled_total";
pub(crate) const BUS_LAG: &str = "moocflix_bus_lag";
pub(crate) const HOT_HITS: &str = "moocflix_hot_hits_total";
pub(crate) const HOT_MISSES: &str = "moocflix_hot_misses_total";

/// Every metric of this crate with its meaning.
pub const METRICS: &[(&str, &str)] = &[
    (
        TASKS,
        "Tasks that were run, by kind and result (done, again, retry, dead, lost).",
    ),
    (
        TASKS_WAITING,
        "Tasks that wait for a worker or for their time, by service.",
    ),
    (
        OUTBOX_WAITING,
        "Events that wait in an outbox to be published, by service.",
    ),
    (EVENTS, "Events published, by topic and result (published, failed)."),
    (
        EVENTS_HANDLED,
        "Events that a group took, by group and result (handled, again, dead).",
    ),
    (BUS_LAG, "Events that a group has not handled yet, by group."),
    (HOT_HITS, "Asks for hot bytes that were answered from memory."),
    (HOT_MISSES, "Asks for hot bytes that had to load them."),
];
