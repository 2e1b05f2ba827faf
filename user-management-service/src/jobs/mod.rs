//! What the clock starts.

pub(crate) mod act_job;
pub(crate) mod key_job;
pub(crate) mod memory_job;
pub(crate) mod revocation_job;
pub(crate) mod sweep_job;
