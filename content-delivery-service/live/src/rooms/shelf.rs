//! The newest parts and segments of one rendition, in memory, and the older segments that are not in the store yet.

use super::backlog::Waiting;
use bytes::{Bytes, BytesMut};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Weak};

/// Segments that are kept: playlists list the parts of the last three target durations.
const SEGMENTS: usize = 8;

struct Segment {
    sequence: u32,
    parts: Vec<Bytes>,
    /// All of it, once it is complete.
    whole: Option<Bytes>,
}

/// What can be served without the object store.
#[derive(Default)]
pub(super) struct Shelf {
    inits: BTreeMap<u32, Bytes>,
    segments: VecDeque<Segment>,
    /// Segments by their numbers until they are recorded.
    waiting: BTreeMap<u32, Weak<Waiting>>,
}

impl Shelf {
    pub(super) fn add_init(&mut self, number: u32, bytes: Bytes) {
        self.inits.insert(number, bytes);
    }

    pub(super) fn add_part(&mut self, sequence: u32, bytes: Bytes) {
        if self.segments.back().is_none_or(|last| last.sequence != sequence) {
            self.segments.push_back(Segment {
                sequence,
                parts: Vec::new(),
                whole: None,
            });
            while self.segments.len() > SEGMENTS {
                self.segments.pop_front();
            }
        }
        if let Some(last) = self.segments.back_mut() {
            last.parts.push(bytes);
        }
    }

    /// Puts the parts of a segment together, which then share its memory.
    pub(super) fn complete(&mut self, sequence: u32) -> Option<Bytes> {
        let segment = self.segments.iter_mut().rev().find(|it| it.sequence == sequence)?;
        let length = segment.parts.iter().map(Bytes::len).sum();
        let mut joined = BytesMut::with_capacity(length);
        for part in &segment.parts {
            joined.extend_from_slice(part);
        }
        let whole = joined.freeze();
        let mut begin = 0;
        for part in &mut segment.parts {
            let end = begin + part.len();
            *part = whole.slice(begin..end);
            begin = end;
        }
        segment.whole = Some(whole.clone());
        Some(whole)
    }

    /// Keeps a segment as long as it waits to be stored: whoever goes back in the lecture finds it nowhere else.
    pub(super) fn keep(&mut self, sequence: u32, waiting: &Arc<Waiting>) {
        self.waiting.retain(|_, it| it.strong_count() > 0);
        self.waiting.insert(sequence, Arc::downgrade(waiting));
    }

    pub(super) fn init(&self, number: u32) -> Option<Bytes> {
        self.inits.get(&number).cloned()
    }

    pub(super) fn segment(&self, sequence: u32) -> Option<Bytes> {
        if let Some(segment) = self.segments.iter().find(|it| it.sequence == sequence) {
            return segment.whole.clone();
        }
        let waiting = self.waiting.get(&sequence)?.upgrade()?;
        Some(waiting.bytes.clone())
    }

    pub(super) fn part(&self, sequence: u32, part: u32) -> Option<Bytes> {
        let segment = self.segments.iter().find(|it| it.sequence == sequence)?;
        segment.parts.get(usize::try_from(part).ok()?).cloned()
    }
}
