//! The media that is on its way to one viewer, over all their sessions: who reads slowly holds memory.

use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How much of it keeps a viewer from being sent more; the last answer may go beyond. Players read one segment of each
/// track at a time.
const MOST: u64 = 64 << 20;

/// What one viewer has not read yet.
#[derive(Debug, Default)]
pub(crate) struct UnreadMedia(AtomicU64);

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
        self.unread.0.fetch_sub(length(&self.bytes), Ordering::Relaxed);
    }
}

impl UnreadMedia {
    /// Whether the viewer has to read first.
    pub(crate) fn is_full(&self) -> bool {
        self.0.load(Ordering::Relaxed) >= MOST
    }

    /// Counts an answer with these bytes, of which even a part holds the whole; `None` if the viewer has to read first.
    pub(crate) fn count(self: &Arc<Self>, bytes: Bytes) -> Option<Bytes> {
        let more = length(&bytes);
        let counted = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |unread| {
            (unread < MOST).then(|| unread.saturating_add(more))
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
        let unread = Arc::new(UnreadMedia::default());
        let segment = Bytes::from(vec![7; 33 << 20]);
        let first = unread.count(segment.clone()).unwrap();
        let part = unread.count(segment.clone()).unwrap().slice(..10);
        assert!(unread.is_full() && unread.count(Bytes::from_static(b"init")).is_none());
        drop(part);
        assert!(!unread.is_full());
        assert_eq!(unread.count(segment).unwrap().len(), 33 << 20);
        drop(first);
        assert_eq!(unread.0.load(Ordering::Relaxed), 0);
    }
}
