//! Jobs of the task queue and of the clock.

pub(crate) mod expiry_job;
pub(crate) mod reconcile_job;
pub(crate) mod sweep_job;
