//! What the task queue and the clock start.

pub(crate) mod expiry_job;
pub(crate) mod sweep_job;
