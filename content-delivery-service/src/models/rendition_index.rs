//! What is published of a lecture, as the media plane serves it.

use super::plan::Plan;
use bytes::Bytes;

/// The renditions of one plan as far as they are published.
#[derive(Debug, Clone)]
pub(crate) struct Ladder {
    /// The video's version when this was read; it grows with every publication.
    pub(crate) version: i64,
    /// The plan that the bytes belong to; 0 where there is none.
    pub(crate) generation: u32,
    /// Whether every rendition of the plan is complete.
    pub(crate) complete: bool,
    /// The plan; none where there is none.
    pub(crate) plan: Option<Plan>,
    /// The renditions that have begun, the picture's best first.
    pub(crate) renditions: Vec<PublishedRendition>,
}

/// A rendition as far as it is published.
#[derive(Debug, Clone)]
pub(crate) struct PublishedRendition {
    /// `720p`, `audio` and the like.
    pub(crate) name: String,
    /// The init segment.
    pub(crate) init: Bytes,
    /// RFC 6381.
    pub(crate) codecs: String,
    /// Ticks a second.
    pub(crate) timescale: u32,
    /// Whether every piece is there.
    pub(crate) complete: bool,
    /// Bits a second of the largest segment.
    pub(crate) peak_bit_rate: u64,
    /// Bits a second.
    pub(crate) average_bit_rate: u64,
    /// The pieces from the beginning on, without a gap.
    pub(crate) pieces: Vec<PublishedPiece>,
}

/// Segments that lie one after the other in one object.
#[derive(Debug, Clone)]
pub(crate) struct PublishedPiece {
    /// Its number.
    pub(crate) piece: u32,
    /// The fence in its object's key.
    pub(crate) fence: i64,
    /// The number of its first segment.
    pub(crate) first: u32,
    /// Duration in ticks and bytes of each segment.
    pub(crate) segments: Vec<(u32, u32)>,
}

impl Ladder {
    /// A rendition that has begun.
    pub(crate) fn rendition(&self, name: &str) -> Option<&PublishedRendition> {
        self.renditions.iter().find(|rendition| rendition.name == name)
    }
}

impl PublishedRendition {
    /// The piece that holds a segment, and the segment's bytes within it.
    pub(crate) fn locate(&self, segment: u32) -> Option<(&PublishedPiece, std::ops::Range<u64>)> {
        let behind = self.pieces.partition_point(|piece| piece.first <= segment);
        let piece = self.pieces.get(behind.checked_sub(1)?)?;
        let place = usize::try_from(segment.checked_sub(piece.first)?).ok()?;
        let &(_, bytes) = piece.segments.get(place)?;
        let before = piece.segments.get(..place)?.iter().map(|&(_, bytes)| u64::from(bytes));
        let start: u64 = before.sum();
        Some((piece, start..start + u64::from(bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_is_found_in_its_piece() {
        let piece = |piece, first, segments: &[(u32, u32)]| PublishedPiece {
            piece,
            fence: 1,
            first,
            segments: segments.to_vec(),
        };
        let rendition = PublishedRendition {
            name: "240p".to_owned(),
            init: Bytes::new(),
            codecs: String::new(),
            timescale: 90_000,
            complete: false,
            peak_bit_rate: 0,
            average_bit_rate: 0,
            pieces: vec![piece(0, 0, &[(5, 10), (5, 20)]), piece(1, 2, &[(5, 7), (5, 8), (5, 9)])],
        };
        let at = |segment| rendition.locate(segment).map(|(piece, range)| (piece.piece, range));
        assert_eq!(at(0), Some((0, 0..10)));
        assert_eq!(at(1), Some((0, 10..30)));
        assert_eq!(at(2), Some((1, 0..7)));
        assert_eq!(at(4), Some((1, 15..24)));
        assert_eq!(at(5), None);
    }
}
