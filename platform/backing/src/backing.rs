//! All shared back ends in one value.

use crate::Clock;
use crate::bus::Bus;
use crate::cache::Cache;
use crate::objects::Objects;
use crate::space::Space;
use std::sync::Arc;

/// The back ends that all services share (each service has its own database). Clones share them.
#[derive(Clone)]
pub struct Backing {
    /// The clock.
    pub clock: Clock,
    /// The object store.
    pub objects: Objects,
    /// The space on the disks of this machine.
    pub space: Space,
    /// The event bus.
    pub bus: Arc<dyn Bus>,
    /// A cache, which may lose values.
    pub cache: Arc<dyn Cache>,
}
