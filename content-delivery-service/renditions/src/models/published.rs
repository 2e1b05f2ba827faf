//! What is published of a lecture, as the media plane serves it.

use super::plan::{Plan, Rung, Sound, Track};
use crate::models::publication::ratio;
use bytes::Bytes;
use contracts::Timestamp;
use fmp4::TICKS;

/// Samples in a frame of AAC: sound is cut between frames, so its segments are up to one longer than planned.
const AAC_FRAME: u64 = 1024;

/// What is served of a lecture just now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServedVersion {
    /// How often the video has changed; it grows with every publication.
    pub changes: i64,
    /// The plan whose renditions are listed; 0 where there is none.
    pub generation: u32,
    /// The newest plan; no generation above it names anything.
    pub latest: u32,
}

/// How much of an encoder's speed is counted on: others may come and want their share.
const CAUTION: f64 = 0.8;

/// The renditions of one plan as far as they are published.
#[derive(Debug, Clone)]
pub struct Ladder {
    /// How often the video had changed when this was read.
    pub changes: i64,
    /// The plan that the bytes belong to; 0 where there is none.
    pub generation: u32,
    /// Whether every rendition of the plan is complete.
    pub complete: bool,
    /// The plan; none where there is none.
    pub plan: Option<Plan>,
    /// The renditions that have begun, the picture's best first.
    pub renditions: Vec<PublishedRendition>,
}

/// A rendition as far as it is published.
#[derive(Debug, Clone)]
pub struct PublishedRendition {
    /// `720p`, `audio` and the like.
    pub name: String,
    /// The init segment.
    pub init: Bytes,
    /// RFC 6381.
    pub codecs: String,
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

/// What a plan says of a rendition.
#[derive(Debug, Clone, Copy)]
pub enum Planned<'a> {
    /// A picture.
    Picture(&'a Rung),
    /// A sound.
    Sound(&'a Sound),
}

impl Ladder {
    /// A generation that is not there.
    pub fn nothing(changes: i64, generation: u32) -> Self {
        Self {
            changes,
            generation,
            complete: true,
            plan: None,
            renditions: Vec::new(),
        }
    }

    /// What is planned under a name, with its timeline.
    pub fn planned(&self, name: &str) -> Option<(Planned<'_>, &Track)> {
        let plan = self.plan.as_ref()?;
        let picture = plan.rung(name).map(|rung| (Planned::Picture(rung), &plan.video));
        picture.or_else(|| {
            let sound = plan.sounds.iter().find(|sound| sound.name == name)?;
            Some((Planned::Sound(sound), &plan.audio))
        })
    }

    /// The target duration of a rendition's playlist: told by the plan, so that it holds for what is yet to come.
    ///
    /// Units: whole seconds
    pub fn target(&self, rendition: &PublishedRendition) -> u64 {
        let planned = self.planned(&rendition.name);
        let longest = planned.map_or(0, |(kind, track)| {
            let spans = track
                .bounds
                .windows(2)
                .map(|pair| pair.iter().copied().reduce(|start, end| end.saturating_sub(start)));
            let rest = match kind {
                Planned::Picture(_) => 0,
                Planned::Sound(_) => (AAC_FRAME * u64::from(TICKS)).div_ceil(u64::from(rendition.timescale.max(1))),
            };
            spans.flatten().max().unwrap_or(0).saturating_add(rest)
        });
        longest.div_ceil(u64::from(TICKS)).max(1)
    }

    /// Whether a segment that is not there is still to come.
    pub fn may_come(&self, name: &str, segment: u32) -> bool {
        let there = self.rendition(name).is_some_and(|rendition| rendition.complete);
        let planned = self.planned(name).map_or(0, |(_, track)| track.bounds.len());
        !there && usize::try_from(segment).is_ok_and(|segment| segment + 1 < planned)
    }

    /// A rendition that has begun.
    pub fn rendition(&self, name: &str) -> Option<&PublishedRendition> {
        self.renditions.iter().find(|rendition| rendition.name == name)
    }
}

impl PublishedRendition {
    /// Whether a viewer who starts now gets to the end without waiting for the encoder, as fast as that was so far.
    ///
    /// Units: `end`, where the rendition will end, in 90 kHz
    pub fn keeps_ahead(&self, end: u64) -> bool {
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
        // The first two may have been encoded side by side: how fast it grows is not known from them.
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

    /// How much of it is there.
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

    fn rendition(name: &str, timescale: u32) -> PublishedRendition {
        let piece = |piece, first, segments: &[(u32, u32)]| PublishedPiece {
            piece,
            fence: 1,
            first,
            segments: segments.to_vec(),
            published_at: Timestamp(1_000_000 * i64::from(piece)),
        };
        PublishedRendition {
            name: name.to_owned(),
            init: Bytes::new(),
            codecs: String::new(),
            timescale,
            complete: false,
            failed: false,
            peak_bit_rate: 0,
            average_bit_rate: 0,
            pieces: vec![piece(0, 0, &[(5, 10), (6, 20)]), piece(1, 2, &[(7, 7), (8, 8), (9, 9)])],
        }
    }

    /// Segments of 5, 6.5 and 5 s are planned, of a picture and a sound.
    fn ladder() -> Ladder {
        let second = u64::from(TICKS);
        let bounds = vec![0, 5 * second, 23 * second / 2, 33 * second / 2];
        let track = Track {
            bounds,
            pieces: Vec::new(),
        };
        let plan = Plan {
            video: track.clone(),
            audio: track,
            rungs: vec![Rung {
                name: "240p".to_owned(),
                width: 426,
                height: 240,
                frame_rate: 25.0,
                bit_rate: 400_000,
                crf: 23,
            }],
            sounds: vec![Sound {
                name: "audio".to_owned(),
                stream: 1,
                channels: 2,
                language: None,
            }],
            ..Plan::none()
        };
        Ladder {
            changes: 1,
            generation: 1,
            complete: false,
            plan: Some(plan),
            renditions: Vec::new(),
        }
    }

    #[test]
    fn a_target_duration_is_told_by_the_plan_before_the_longest_segment_is_there() {
        let mut ladder = ladder();
        assert_eq!(ladder.target(&rendition("240p", 90_000)), 7);
        assert_eq!(ladder.target(&rendition("audio", 48_000)), 7);
        let longest = |end| vec![0, end];
        let plan = ladder.plan.as_mut().unwrap();
        (plan.video.bounds, plan.audio.bounds) = (longest(450_000), longest(450_000));
        assert_eq!(ladder.target(&rendition("240p", 90_000)), 5);
        // Sound is cut between its frames.
        assert_eq!(ladder.target(&rendition("audio", 48_000)), 6);
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
            ..rendition("720p", TICKS)
        }
    }

    #[test]
    fn what_grows_faster_than_it_is_watched_keeps_ahead_and_what_is_slower_once_enough_is_there() {
        let end = 100 * u64::from(TICKS);
        assert!(!grown(&[(10, 5)]).keeps_ahead(end), "its speed is not known");
        assert!(!grown(&[(10, 5), (10, 6)]).keeps_ahead(end), "they came side by side");
        assert!(
            grown(&[(10, 5), (10, 13), (20, 29)]).keeps_ahead(end),
            "thirty seconds in 24"
        );
        // Ten seconds in sixteen, half of real time with caution: half has to be there.
        assert!(!grown(&[(39, 5), (5, 13), (5, 21)]).keeps_ahead(end));
        assert!(grown(&[(40, 5), (5, 13), (5, 21)]).keeps_ahead(end));
        let whole = PublishedRendition {
            complete: true,
            ..grown(&[(100, 5)])
        };
        assert!(whole.keeps_ahead(end));
    }

    #[test]
    fn only_what_is_planned_and_not_there_may_still_come() {
        let mut ladder = ladder();
        assert!(ladder.may_come("240p", 0) && ladder.may_come("audio", 2));
        assert!(!ladder.may_come("240p", 3) && !ladder.may_come("240p", u32::MAX) && !ladder.may_come("360p", 0));
        ladder.renditions = vec![rendition("240p", 90_000)];
        assert!(ladder.may_come("240p", 2));
        ladder.renditions[0].complete = true;
        assert!(!ladder.may_come("240p", 2));
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
