//! The published renditions of a lecture, as the media plane serves them.

use super::description::{Description, RenditionKind};
use crate::models::publication::ratio;
use bytes::Bytes;
use contracts::{RenditionName, Timestamp};
use fmp4::TICKS;

/// Samples in a frame of AAC. Sound is cut between frames, so that its segments are up to one frame longer than planned.
const AAC_FRAME: u64 = 1024;

/// The version of a lecture that is served at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServedVersion {
    /// How often the video has changed; it grows with every publication.
    pub changes: i64,
    /// The plan whose renditions are listed; 0 if there is none.
    pub generation: u32,
    /// The newest plan; later generations don't exist.
    pub latest: u32,
}

/// The share of an encoder's speed to rely on: other lectures may slow it down.
const CAUTION: f64 = 0.8;

/// The renditions of one plan as far as they are published.
#[derive(Debug, Clone)]
pub struct Ladder {
    /// How often the video had changed when this was read.
    pub changes: i64,
    /// The plan that the bytes belong to; 0 if there is none.
    pub generation: u32,
    /// Whether every rendition of the plan is complete.
    pub complete: bool,
    /// The renditions that are cut from the source.
    pub source: Vec<Description>,
    /// The renditions of the plan, the best picture first.
    pub planned: Vec<Description>,
    /// The renditions that have begun, the best picture first.
    pub renditions: Vec<PublishedRendition>,
}

/// A rendition as far as it is published.
#[derive(Debug, Clone)]
pub struct PublishedRendition {
    /// Its row.
    pub description: Description,
    /// The init segment.
    pub init: Bytes,
    /// Ticks a second.
    pub timescale: u32,
    /// Whether every piece is there.
    pub complete: bool,
    /// Whether a part of it was given up.
    pub failed: bool,
    /// Bits a second of the largest segment.
    pub peak_bit_rate: u64,
    /// Bits a second.
    pub average_bit_rate: u64,
    /// The pieces from the beginning on, without a gap.
    pub pieces: Vec<PublishedPiece>,
}

/// Segments that lie one after the other in one object.
#[derive(Debug, Clone)]
pub struct PublishedPiece {
    /// Its number.
    pub piece: u32,
    /// The fence in its object's key.
    pub fence: i64,
    /// The number of its first segment.
    pub first: u32,
    /// Duration in ticks and bytes of each segment.
    pub segments: Vec<(u32, u32)>,
    /// When it was published.
    pub published_at: Timestamp,
}

impl Ladder {
    /// A generation without renditions.
    pub fn nothing(changes: i64, generation: u32) -> Self {
        Self {
            changes,
            generation,
            complete: true,
            source: Vec::new(),
            planned: Vec::new(),
            renditions: Vec::new(),
        }
    }

    /// Whether a missing segment is still to come.
    #[must_use]
    pub fn may_come(&self, name: &RenditionName, segment: u32) -> bool {
        let there = self.rendition(name).is_some_and(|rendition| rendition.complete);
        let planned = self.planned.iter().find(|one| one.name == *name);
        !there && segment < planned.map_or(0, |one| one.segments)
    }

    /// A rendition that has begun.
    pub fn rendition(&self, name: &RenditionName) -> Option<&PublishedRendition> {
        self.renditions
            .iter()
            .find(|rendition| rendition.description.name == *name)
    }
}

impl PublishedRendition {
    /// The target duration of its playlist, from the plan, so that it is valid for segments to come.
    ///
    /// Units: whole seconds
    #[must_use]
    pub fn target(&self) -> u64 {
        let rest = match self.description.kind {
            RenditionKind::Picture { .. } => 0,
            RenditionKind::Sound { .. } => (AAC_FRAME * u64::from(TICKS)).div_ceil(u64::from(self.timescale.max(1))),
        };
        let longest = self.description.longest_segment.unsigned_abs().saturating_add(rest);
        longest.div_ceil(u64::from(TICKS)).max(1)
    }

    /// Whether a viewer who starts now reaches the end without waiting for the encoder at its speed so far.
    #[must_use]
    pub fn keeps_ahead(&self) -> bool {
        let end = self.description.ticks.unsigned_abs();
        if self.complete {
            return true;
        }
        let (Some((first, rest)), Some(last)) = (self.pieces.split_first(), self.pieces.last()) else {
            return false;
        };
        let span = |pieces: &[PublishedPiece]| {
            let ticks = pieces.iter().flat_map(|piece| &piece.segments);
            let ticks: u64 = ticks.map(|&(duration, _)| u64::from(duration)).sum();
            ratio(ticks, u64::from(self.timescale.max(1)))
        };
        // The first two may have been encoded in parallel, so that they don't show its speed.
        if rest.len() < 2 {
            return false;
        }
        let took = ratio(
            (last.published_at.0 - first.published_at.0).max(1).unsigned_abs(),
            1_000_000,
        );
        let rate = CAUTION * span(rest) / took;
        span(&self.pieces) >= (1.0 - rate) * ratio(end, u64::from(TICKS))
    }

    /// The segments in order: number, and duration in ticks.
    pub fn segments(&self) -> impl Iterator<Item = (u32, u32)> {
        self.pieces.iter().flat_map(|piece| {
            let numbers = piece.first..;
            numbers.zip(piece.segments.iter().map(|&(duration, _)| duration))
        })
    }

    /// How much of it is published.
    ///
    /// Units: segments
    pub fn length(&self) -> usize {
        self.pieces.iter().map(|piece| piece.segments.len()).sum()
    }

    /// The piece that holds a segment, and the segment's bytes within it.
    pub fn locate(&self, segment: u32) -> Option<(&PublishedPiece, std::ops::Range<u64>)> {
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

    /// Segments of 5, 6.5 and 5 s are planned.
    fn description(name: &str) -> Description {
        let name: RenditionName = name.parse().unwrap();
        Description {
            kind: if name.is_sound() {
                RenditionKind::Sound {
                    channels: 2,
                    language: None,
                }
            } else {
                RenditionKind::Picture {
                    width: 426,
                    height: 240,
                    frame_rate: 25.0,
                }
            },
            name,
            position: 0,
            codecs: None,
            bit_rate: 400_000,
            bandwidth: 400_000,
            longest_segment: 13 * i64::from(TICKS) / 2,
            ticks: 33 * i64::from(TICKS) / 2,
            segments: 3,
            cost: 1,
            stands_in: false,
        }
    }

    fn rendition(name: &str, timescale: u32) -> PublishedRendition {
        let piece = |piece, first, segments: &[(u32, u32)]| PublishedPiece {
            piece,
            fence: 1,
            first,
            segments: segments.to_vec(),
            published_at: Timestamp(1_000_000 * i64::from(piece)),
        };
        PublishedRendition {
            description: description(name),
            init: Bytes::new(),
            timescale,
            complete: false,
            failed: false,
            peak_bit_rate: 0,
            average_bit_rate: 0,
            pieces: vec![piece(0, 0, &[(5, 10), (6, 20)]), piece(1, 2, &[(7, 7), (8, 8), (9, 9)])],
        }
    }

    /// A picture and a sound.
    fn ladder() -> Ladder {
        Ladder {
            planned: vec![description("240p"), description("audio")],
            complete: false,
            ..Ladder::nothing(1, 1)
        }
    }

    #[test]
    fn a_target_duration_is_that_of_the_longest_planned_segment() {
        let mut picture = rendition("240p", 90_000);
        let mut sound = rendition("audio", 48_000);
        assert_eq!((picture.target(), sound.target()), (7, 7));
        (picture.description.longest_segment, sound.description.longest_segment) = (450_000, 450_000);
        assert_eq!(picture.target(), 5);
        assert_eq!(sound.target(), 6, "sound is cut between its frames");
    }

    /// Pieces of so many seconds, published at such seconds.
    fn grown(pieces: &[(u32, i64)]) -> PublishedRendition {
        let pieces = (0..).zip(pieces).map(|(piece, &(seconds, at))| PublishedPiece {
            piece,
            fence: 1,
            first: piece,
            segments: vec![(seconds * TICKS, 1)],
            published_at: Timestamp(at * 1_000_000),
        });
        PublishedRendition {
            pieces: pieces.collect(),
            description: Description {
                ticks: 100 * i64::from(TICKS),
                ..description("720p")
            },
            ..rendition("720p", TICKS)
        }
    }

    #[test]
    fn what_grows_faster_than_it_is_watched_keeps_ahead_and_what_is_slower_once_enough_is_there() {
        assert!(!grown(&[(10, 5)]).keeps_ahead(), "its speed is not known");
        assert!(!grown(&[(10, 5), (10, 6)]).keeps_ahead(), "they came side by side");
        assert!(
            grown(&[(10, 5), (10, 13), (20, 29)]).keeps_ahead(),
            "thirty seconds in 24"
        );
        // Ten seconds in sixteen, half of real time with caution: half has to be there.
        assert!(!grown(&[(39, 5), (5, 13), (5, 21)]).keeps_ahead());
        assert!(grown(&[(40, 5), (5, 13), (5, 21)]).keeps_ahead());
        let whole = PublishedRendition {
            complete: true,
            ..grown(&[(100, 5)])
        };
        assert!(whole.keeps_ahead());
    }

    #[test]
    fn only_what_is_planned_and_not_there_may_still_come() {
        let mut ladder = ladder();
        let may_come = |ladder: &Ladder, name: &str, segment| ladder.may_come(&name.parse().unwrap(), segment);
        assert!(may_come(&ladder, "240p", 0) && may_come(&ladder, "audio", 2));
        assert!(!may_come(&ladder, "240p", 3) && !may_come(&ladder, "240p", u32::MAX) && !may_come(&ladder, "360p", 0));
        ladder.renditions = vec![rendition("240p", 90_000)];
        assert!(may_come(&ladder, "240p", 2));
        ladder.renditions[0].complete = true;
        assert!(!may_come(&ladder, "240p", 2));
    }

    #[test]
    fn segments_are_numbered_through_their_pieces() {
        let rendition = rendition("240p", 90_000);
        let segments: Vec<_> = rendition.segments().collect();
        assert_eq!(segments, [(0, 5), (1, 6), (2, 7), (3, 8), (4, 9)]);
        assert_eq!(rendition.length(), 5);
    }

    #[test]
    fn a_segment_is_found_in_its_piece() {
        let rendition = rendition("240p", 90_000);
        let at = |segment| rendition.locate(segment).map(|(piece, range)| (piece.piece, range));
        assert_eq!(at(0), Some((0, 0..10)));
        assert_eq!(at(1), Some((0, 10..30)));
        assert_eq!(at(2), Some((1, 0..7)));
        assert_eq!(at(4), Some((1, 15..24)));
        assert_eq!(at(5), None);
    }
}
