//! Plans a media segment of the source: its head, and the byte ranges behind it.

use super::moof::{self, Media};
use crate::bytes::{narrow, wide};
use crate::error::IndexError;
use crate::index::{Index, IndexHead, TrackKind, crc32};
use crate::samples::Block;
use std::ops::Range;

impl IndexHead {
    /// Plans segment `n` of a track.
    ///
    /// Shape:  `block` has exactly the bytes of [`Segment::block`]
    pub fn plan(&self, track: usize, n: usize, block: &[u8]) -> Result<SegmentPlan, IndexError> {
        let track = self.tracks.get(track).ok_or(IndexError::NoSuchSegment)?;
        let segment = track.segments.get(n).ok_or(IndexError::NoSuchSegment)?;
        if crc32(block) != segment.checksum {
            return Err(IndexError::Damaged("a block's checksum"));
        }
        let block = Block::decode(block, self.source_length)?;
        let sequence = u32::try_from(n)
            .ok()
            .and_then(|n| n.checked_add(1))
            .ok_or(IndexError::NoSuchSegment)?;
        let video = matches!(track.kind, TrackKind::Video(_));
        let head = moof::head(sequence, segment.decode_time, Media::of(video), &block)?;
        let plan = SegmentPlan {
            len: segment.bytes,
            head,
            source: block.runs,
        };
        if plan.measured() != Some(segment.bytes) {
            return Err(IndexError::Damaged("a segment's length"));
        }
        Ok(plan)
    }
}

impl Index {
    /// The smallest range of the source that contains all samples of segment `n` of a track; `None` without samples.
    #[must_use]
    pub fn source_span(&self, track: usize, n: usize) -> Option<Range<u64>> {
        let segment = self.head.tracks.get(track)?.segments.get(n)?;
        let blocks = self.head.tracks.first()?.segments.first()?.block.start;
        let place = |at: u64| narrow(at.checked_sub(blocks)?).ok();
        let block = self
            .blocks
            .get(place(segment.block.start)?..place(segment.block.end)?)?;
        let runs = Block::decode(block, self.head.source_length).ok()?.runs;
        let start = runs.iter().map(|run| run.start).min()?;
        let end = runs.iter().map(|run| run.end).max()?;
        Some(start..end)
    }
}

/// The parts of a segment: `head`, then the bytes of `source` in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentPlan {
    /// The `moof` box and the header of `mdat`.
    pub head: Vec<u8>,
    /// Byte ranges in the source, in order, none empty, all inside it.
    pub source: Vec<Range<u64>>,
    /// The whole length of the segment in bytes.
    pub len: u64,
}

impl SegmentPlan {
    fn measured(&self) -> Option<u64> {
        let head = wide(self.head.len());
        self.source
            .iter()
            .try_fold(head, |sum, range| sum.checked_add(range.end.checked_sub(range.start)?))
    }
}
