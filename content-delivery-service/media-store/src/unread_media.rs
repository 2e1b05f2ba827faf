//! The media that is on its way to one viewer, over all their sessions: who reads slowly holds memory.

use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How much of it keeps a viewer from being sent more; the last answer may go beyond. Players read one segment of each
/// track at a time.
pub const MOST: u64 = 64 << 20;
/// The same for all viewers from one network who are not signed in.
pub const MOST_OF_NETWORK: u64 = 128 << 20;

/// What one viewer has not read yet, or one network.
#[derive(Debug)]
pub struct UnreadMedia {
    bytes: AtomicU64,
    most: u64,
}

/// An answer that counts until the last of its bytes is sent.
struct Answer {
    bytes: Bytes,
    unread: Arc<UnreadMedia>,
}

impl AsRef<[u8]> for Answer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.unread.bytes.fetch_sub(length(&self.bytes), Ordering::Relaxed);
    }
}

impl UnreadMedia {
    /// Nothing yet, of somebody who is sent no more when this much is unread.
    pub fn new(most: u64) -> Self {
        Self {
            bytes: AtomicU64::new(0),
            most,
        }
    }

    /// Whether the viewer has to read first.
    pub fn is_full(&self) -> bool {
        self.bytes.load(Ordering::Relaxed) >= self.most
    }

    /// Counts an answer with these bytes, of which even a part holds the whole; `None` if the viewer has to read first.
    pub fn count(self: &Arc<Self>, bytes: Bytes) -> Option<Bytes> {
        let more = length(&bytes);
        let counted = self.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |unread| {
            (unread < self.most).then(|| unread.saturating_add(more))
        });
        counted.ok()?;
        let unread = Arc::clone(self);
        Some(Bytes::from_owner(Answer { bytes, unread }))
    }
}

fn length(bytes: &Bytes) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_viewer_gets_more_when_they_have_read() {
        let unread = Arc::new(UnreadMedia::new(MOST));
        let segment = Bytes::from(vec![7; 33 << 20]);
        let first = unread.count(segment.clone()).unwrap();
        let part = unread.count(segment.clone()).unwrap().slice(..10);
        assert!(unread.is_full() && unread.count(Bytes::from_static(b"init")).is_none());
        drop(part);
        assert!(!unread.is_full());
        assert_eq!(unread.count(segment).unwrap().len(), 33 << 20);
        drop(first);
        assert_eq!(unread.bytes.load(Ordering::Relaxed), 0);
    }
}
