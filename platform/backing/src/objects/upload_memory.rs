//! The memory that bytes of uploads take on their way to the store: one budget for all requests of the process.
//!
//! Whoever waits for memory holds none: a writer that can't get more stores what it has first. So those that have memory
//! always return it, after a second at the latest, and who came first is served first.

use bytes::{Bytes, BytesMut};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// The budget.
const BUDGET: u32 = 64 << 20;
/// How long a writer waits for memory; the disk is overloaded if that is not enough.
const PATIENCE: Duration = Duration::from_secs(30);
/// Frames below this size are copied together, because each one that is kept takes memory of its own.
const SMALL: usize = 4 * 1_024;
/// The size of a buffer for small frames.
const BUFFER: usize = 16 * 1_024;

/// The budget; clones share it.
#[derive(Clone)]
pub struct UploadMemory(Arc<Semaphore>);

/// Memory that was granted, returned when this is dropped.
#[derive(Default)]
pub struct Granted(Option<OwnedSemaphorePermit>);

/// Some bytes of a request, with their memory.
#[derive(Default)]
pub struct Batch {
    parts: Vec<Bytes>,
    /// The last bytes, if they came in small frames.
    small: BytesMut,
    /// The bytes in all.
    pub length: u64,
    granted: Granted,
    /// They have waited for more as long as they may and are noted at once.
    pub waited: bool,
}

impl Default for UploadMemory {
    fn default() -> Self {
        Self::new(BUDGET)
    }
}

impl UploadMemory {
    /// A budget of so many bytes.
    #[must_use]
    pub fn new(budget: u32) -> Self {
        Self(Arc::new(Semaphore::new(
            usize::try_from(budget).unwrap_or(Semaphore::MAX_PERMITS),
        )))
    }

    /// Memory for a frame, if there is some right now and nobody waits.
    #[must_use]
    pub fn try_take(&self, frame: &Bytes) -> Option<Granted> {
        let granted = Arc::clone(&self.0).try_acquire_many_owned(size(frame));
        granted.ok().map(|permit| Granted(Some(permit)))
    }

    /// Waits for memory for a frame; `None` if that takes too long.
    pub async fn take(&self, frame: &Bytes) -> Option<Granted> {
        let granted = timeout(PATIENCE, Arc::clone(&self.0).acquire_many_owned(size(frame)));
        granted.await.ok()?.ok().map(|permit| Granted(Some(permit)))
    }
}

/// A frame is never larger than a connection's buffer, which is far below the budget.
fn size(frame: &Bytes) -> u32 {
    u32::try_from(frame.len()).unwrap_or(BUDGET).min(BUDGET)
}

impl Batch {
    /// Adds a frame with its memory.
    pub fn push(&mut self, frame: Bytes, granted: Granted) {
        self.length += u64::try_from(frame.len()).unwrap_or(u64::MAX);
        match (&mut self.granted.0, granted.0) {
            (Some(have), Some(more)) => have.merge(more),
            (have @ None, more) => *have = more,
            (Some(_), None) => {}
        }
        if frame.len() >= SMALL {
            self.seal();
            self.parts.push(frame);
            return;
        }
        if self.small.len() + frame.len() > BUFFER {
            self.seal();
        }
        if self.small.capacity() == 0 {
            self.small.reserve(BUFFER);
        }
        self.small.extend_from_slice(&frame);
    }

    fn seal(&mut self) {
        if !self.small.is_empty() {
            self.parts.push(std::mem::take(&mut self.small).freeze());
        }
    }

    /// The bytes so far.
    pub fn parts(&mut self) -> &[Bytes] {
        self.seal();
        &self.parts
    }

    /// The bytes, and the memory to hold until they are stored.
    #[must_use]
    pub fn into_parts(mut self) -> (Vec<Bytes>, Granted) {
        self.seal();
        (self.parts, self.granted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_waits_gets_what_others_return_in_turn_or_gives_up() {
        let memory = UploadMemory::new(10);
        let frame = Bytes::from_static(b"123456");
        let first = memory.try_take(&frame).unwrap();
        assert!(memory.try_take(&frame).is_none());
        let small = Bytes::from_static(b"1");
        let (second, third, ()) = tokio::join!(biased; memory.take(&frame), memory.take(&small), async {
            assert!(memory.try_take(&small).is_none(), "who waits comes first");
            drop(first);
        });
        let held = (second.unwrap(), third.unwrap());
        assert!(memory.take(&frame).await.is_none(), "nothing is returned");
        drop(held);
        assert!(memory.try_take(&frame).is_some());
    }

    #[test]
    fn many_small_frames_take_the_memory_of_their_bytes() {
        let (memory, mut batch) = (UploadMemory::default(), Batch::default());
        let mut expected = Vec::new();
        for n in 0..100_000_u32 {
            let frame = Bytes::copy_from_slice(&n.to_le_bytes()[..usize::from(n % 4 == 0) + 1]);
            expected.extend_from_slice(&frame);
            let granted = memory.try_take(&frame).unwrap();
            batch.push(frame, granted);
        }
        let large = Bytes::from(vec![7; SMALL]);
        expected.extend_from_slice(&large);
        let granted = memory.try_take(&large).unwrap();
        batch.push(large, granted);
        assert_eq!(batch.length, u64::try_from(expected.len()).unwrap());
        let (parts, granted) = batch.into_parts();
        assert!(parts.len() < 10, "{} parts", parts.len());
        assert_eq!(parts.concat(), expected);
        assert_eq!(
            memory.0.available_permits() + expected.len(),
            usize::try_from(BUDGET).unwrap()
        );
        drop(granted);
        assert_eq!(memory.0.available_permits(), usize::try_from(BUDGET).unwrap());
    }
}
