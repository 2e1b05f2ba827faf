//! The memory that loaded media takes: what is kept, what is being loaded, and what is still being sent after it was
//! dropped from what is kept.

use super::MediaError;
use crate::metric;
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How much may be loaded and unsent beside what is kept.
const BESIDE_HOT: u64 = 256 << 20;
/// How long a load waits for room.
const PATIENCE: Duration = Duration::from_secs(2);
/// Memory is counted in steps of this many bytes.
const STEP: u64 = 1_024;

/// The room for loaded media.
#[derive(Clone)]
pub(super) struct MediaMemory(Arc<Semaphore>);

/// Room that is held; the bytes that are put into it hold it as long as anybody has them.
pub(super) struct Held {
    _permit: OwnedSemaphorePermit,
}

struct Counted<T> {
    bytes: T,
    _held: Held,
}

impl<T: AsRef<[u8]>> AsRef<[u8]> for Counted<T> {
    fn as_ref(&self) -> &[u8] {
        self.bytes.as_ref()
    }
}

impl MediaMemory {
    /// Room for `hot_bytes` that are kept, and for as much as may be on its way.
    pub(super) fn new(hot_bytes: u64) -> Self {
        Self::of(hot_bytes.saturating_add(BESIDE_HOT))
    }

    fn of(bytes: u64) -> Self {
        let steps = usize::try_from(bytes / STEP).unwrap_or(usize::MAX);
        Self(Arc::new(Semaphore::new(steps.min(Semaphore::MAX_PERMITS))))
    }

    /// Holds room for these bytes; waits in line for a moment if there is none. `settle` drops what need not be kept.
    ///
    /// Errors: [`MediaError::Busy`]
    pub(super) async fn hold(&self, bytes: u64, settle: impl Future<Output = ()>) -> Result<Held, MediaError> {
        let steps = u32::try_from(bytes.div_ceil(STEP)).unwrap_or(u32::MAX);
        if let Ok(permit) = Arc::clone(&self.0).try_acquire_many_owned(steps) {
            return Ok(Held { _permit: permit });
        }
        settle.await;
        let waiting = Arc::clone(&self.0).acquire_many_owned(steps);
        match tokio::time::timeout(PATIENCE, waiting).await {
            Ok(Ok(permit)) => Ok(Held { _permit: permit }),
            Ok(Err(_)) | Err(_) => {
                metrics::counter!(metric::MEDIA_REFUSED, "reason" => "memory").increment(1);
                Err(MediaError::Busy)
            }
        }
    }
}

impl Held {
    /// Puts bytes into the room.
    pub(super) fn with<T: AsRef<[u8]> + Send + 'static>(self, bytes: T) -> Bytes {
        Bytes::from_owner(Counted { bytes, _held: self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn room_is_held_until_the_last_copy_of_the_bytes_is_gone() {
        tokio::time::pause();
        let memory = MediaMemory::of(64 << 10);
        let hold = |bytes| memory.hold(bytes, async {});
        let kept = hold(48 << 10).await.unwrap().with(vec![0; 48 << 10]);
        let sent = kept.slice(10..20);
        drop(kept);
        assert!(matches!(hold(32 << 10).await, Err(MediaError::Busy)));
        let small = hold(16 << 10).await.unwrap();
        drop(sent);
        assert!(hold(48 << 10).await.is_ok());
        drop(small);
        assert!(matches!(hold(65 << 10).await, Err(MediaError::Busy)));
    }

    #[tokio::test]
    async fn a_load_waits_for_what_is_dropped_meanwhile() {
        let memory = MediaMemory::of(64 << 10);
        let kept = std::cell::Cell::new(Some(memory.hold(64 << 10, async {}).await.unwrap().with("")));
        assert!(memory.hold(32 << 10, async { drop(kept.take()) }).await.is_ok());
    }
}
