//! Embedded back ends in a folder.

use crate::sure;
use backing::bus::EmbeddedBus;
use backing::cache::MemoryCache;
use backing::objects::Objects;
use backing::space::Space;
use backing::{Backing, Clock};
use std::path::Path;
use std::sync::Arc;

/// The bytes of the cache.
const CACHE: usize = 1 << 20;

/// The back ends of a process whose data is in `folder`.
pub async fn back_ends(folder: &Path, clock: &Clock) -> Backing {
    let url = format!("file://{}", folder.join("objects").display());
    Backing {
        clock: clock.clone(),
        objects: sure(Objects::open(&url).await),
        space: Space::boundless(),
        bus: Arc::new(EmbeddedBus::new()),
        cache: Arc::new(MemoryCache::new(clock.clone(), CACHE)),
    }
}
