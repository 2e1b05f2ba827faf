//! The outside world in one value.

use crate::Clock;
use crate::bus::Bus;
use crate::cache::Cache;
use crate::objects::Objects;
use std::sync::Arc;

/// The back ends that all services share; each service's database is its own. Clones share them.
#[derive(Clone)]
pub struct Backing {
    /// The time.
    pub clock: Clock,
    /// The object store.
    pub objects: Objects,
    /// Events of other services.
    pub bus: Arc<dyn Bus>,
    /// Values that may be lost.
    pub cache: Arc<dyn Cache>,
}
