//! Checks whether the samples that a file calls key frames really are.
//!
//! A table of sync samples may list recovery points of open groups of pictures, which depend on earlier pictures; the NAL
//! units show the difference.
//!
//! Source: ITU-T H.264 §7.4.1, table 7-1

use std::mem;
use std::ops::Range;

use super::survey::Candidate;
use crate::bytes::{narrow, wide};

/// The size of the first read: parameter sets and the slice's header fit, unless the encoder wrote a long SEI before them.
const FIRST_READ: u64 = 256;
/// The limit of a unit that is compared completely.
const MAX_SET: u64 = 4096;
/// The limit of units before a picture's first slice; real ones have some ten at most.
const MAX_UNITS: u32 = 64;

/// The limit of bytes that the caller holds for one step, if it also reads gaps up to [`BRIDGED`].
const MAX_HELD: u64 = 32 << 20;
const BRIDGED: u64 = 64 << 10;

const SLICES: std::ops::RangeInclusive<u8> = 1..=4;
const IDR: u8 = 5;
const SPS: u8 = 7;

/// Checks candidates in batches.
#[derive(Debug)]
pub(crate) struct KeyFrameCheck {
    length_size: usize,
    /// The parameter sets in the sample description.
    sets: Vec<Vec<u8>>,
    candidates: Vec<Candidate>,
    looks: Vec<SampleCheck>,
    found: Vec<bool>,
    other_sets: bool,
}

/// The progress within one sample.
#[derive(Clone, Copy, Debug)]
struct SampleCheck {
    candidate: usize,
    /// The offset of the next unit's length.
    at: u64,
    end: u64,
    wanted: u64,
    units: u32,
}

enum Seen {
    KeyFrame,
    Other,
    OtherSets,
    More { at: u64, wanted: u64 },
}

impl KeyFrameCheck {
    pub(crate) fn new(length_size: usize, sets: &[&[u8]], candidates: Vec<Candidate>) -> Self {
        let looks = candidates.iter().enumerate().map(|(candidate, sample)| SampleCheck {
            candidate,
            at: sample.offset,
            end: sample.offset.saturating_add(sample.size.into()),
            wanted: FIRST_READ,
            units: 0,
        });
        Self {
            length_size,
            sets: sets.iter().map(|set| set.to_vec()).collect(),
            looks: looks.filter(|look| look.at < look.end).collect(),
            found: vec![false; candidates.len()],
            candidates,
            other_sets: false,
        }
    }

    /// The ranges to read next; none when all candidates are checked.
    pub(crate) fn wanted(&self) -> Vec<Range<u64>> {
        let mut wanted: Vec<Range<u64>> = Vec::new();
        let mut held = 0_u64;
        for look in &self.looks {
            let range = look.at..look.end.min(look.at.saturating_add(look.wanted));
            let gap = wanted
                .last()
                .map_or(0, |before| range.start.abs_diff(before.end).min(BRIDGED));
            held = held
                .saturating_add(gap)
                .saturating_add(range.end.saturating_sub(range.start));
            if held > MAX_HELD {
                break;
            }
            wanted.push(range);
        }
        wanted
    }

    /// Continues with the bytes of the wanted ranges.
    pub(crate) fn answer<B: AsRef<[u8]>>(&mut self, answers: &[B]) {
        let later = self.looks.split_off(answers.len().min(self.looks.len()));
        let looks = mem::replace(&mut self.looks, later);
        for (mut look, answer) in looks.into_iter().zip(answers) {
            match self.look(&mut look, answer.as_ref()) {
                Seen::KeyFrame => {
                    if let Some(found) = self.found.get_mut(look.candidate) {
                        *found = true;
                    }
                }
                Seen::Other => {}
                Seen::OtherSets => self.other_sets = true,
                Seen::More { at, wanted } => self.looks.push(SampleCheck { at, wanted, ..look }),
            }
        }
    }

    fn look(&self, look: &mut SampleCheck, bytes: &[u8]) -> Seen {
        let mut rest = bytes;
        let mut at = look.at;
        loop {
            look.units += 1;
            if look.units > MAX_UNITS {
                return Seen::Other;
            }
            let Some((length, kind)) = self.unit(rest) else {
                // The header is beyond the bytes read; if it is also beyond the sample, there is no slice.
                let room = wide(self.length_size) < look.end.saturating_sub(at);
                let read_on = at > look.at || wide(bytes.len()) < look.end.saturating_sub(look.at).min(look.wanted);
                return if room && read_on {
                    Seen::More { at, wanted: FIRST_READ }
                } else {
                    Seen::Other
                };
            };
            let whole = wide(self.length_size).saturating_add(length);
            if length == 0 || whole > look.end.saturating_sub(at) || SLICES.contains(&kind) {
                return Seen::Other;
            }
            if kind == IDR {
                return Seen::KeyFrame;
            }
            let unit = narrow(whole).ok().and_then(|whole| rest.split_at_checked(whole));
            match unit {
                Some((unit, _)) if kind == SPS && !self.knows(unit) => return Seen::OtherSets,
                Some((_, after)) => rest = after,
                None if kind == SPS && whole > MAX_SET => return Seen::Other,
                None if kind == SPS => {
                    return Seen::More {
                        at,
                        wanted: whole.saturating_add(FIRST_READ),
                    };
                }
                None => rest = &[],
            }
            at = at.saturating_add(whole);
            if at >= look.end {
                return Seen::Other;
            }
        }
    }

    /// The length and the type of the unit at the start of these bytes; `None` if they end first.
    fn unit(&self, bytes: &[u8]) -> Option<(u64, u8)> {
        let (length, rest) = bytes.split_at_checked(self.length_size)?;
        let length = length.iter().fold(0, |length, &byte| (length << 8) | u64::from(byte));
        let header = rest.first()?;
        Some((length, header & 0x1f))
    }

    fn knows(&self, unit: &[u8]) -> bool {
        self.sets
            .iter()
            .any(|set| Some(set.as_slice()) == unit.get(self.length_size..))
    }

    /// Whether a picture contains parameter sets that the sample description lacks.
    pub(crate) fn has_other_sets(&self) -> bool {
        self.other_sets
    }

    /// The confirmed key frames, in order.
    pub(crate) fn key_frames(&self) -> Vec<Candidate> {
        let pairs = self.candidates.iter().zip(&self.found);
        pairs
            .filter(|(_, found)| **found)
            .map(|(candidate, _)| *candidate)
            .collect()
    }

    /// Whether a candidate between two times is not a key frame.
    pub(crate) fn has_false_ones(&self, between: Range<i64>) -> bool {
        let mut pairs = self.candidates.iter().zip(&self.found);
        pairs.any(|(candidate, found)| between.contains(&candidate.shown) && !found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(length_size: usize, body: &[u8]) -> Vec<u8> {
        let length = wide(body.len()).to_be_bytes();
        [&length[8 - length_size..], body].concat()
    }

    /// Returns the number of steps, whether it is a key frame, and whether it has other parameter sets.
    fn check(length_size: usize, sample: &[u8]) -> (u32, bool, bool) {
        let size = u32::try_from(sample.len()).unwrap();
        let candidate = Candidate {
            index: 0,
            shown: 0,
            offset: 1000,
            size,
        };
        let set: &[u8] = &[0x67, 1, 2, 3];
        let mut check = KeyFrameCheck::new(length_size, &[set], vec![candidate]);
        let mut steps = 0;
        loop {
            let wanted = check.wanted();
            if wanted.is_empty() {
                return (steps, !check.key_frames().is_empty(), check.has_other_sets());
            }
            steps += 1;
            assert!(steps < 100);
            let file = [&[0; 1000], sample].concat();
            let read = |range: &Range<u64>| {
                assert!(range.start < range.end && range.end <= wide(file.len()));
                file[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()].to_vec()
            };
            let answers: Vec<Vec<u8>> = wanted.iter().map(read).collect();
            check.answer(&answers);
        }
    }

    #[test]
    fn the_first_slice_decides() {
        for length_size in [1, 2, 4] {
            let sample = |kind: u8| [unit(length_size, &[9, 0x10]), unit(length_size, &[kind; 100])].concat();
            assert_eq!(check(length_size, &sample(0x65)), (1, true, false));
            assert_eq!(check(length_size, &sample(0x61)), (1, false, false));
        }
    }

    #[test]
    fn a_long_sei_before_the_slice_is_skipped() {
        let sample = [unit(4, &[6; 700]), unit(4, &[0x65; 9])].concat();
        assert_eq!(check(4, &sample), (2, true, false));
        let sample = [unit(4, &[6; 249]), unit(4, &[0x65; 9])].concat();
        assert_eq!(check(4, &sample), (2, true, false));
    }

    #[test]
    fn parameter_sets_within_the_sample_are_compared() {
        let slice = unit(4, &[0x65; 9]);
        assert_eq!(
            check(4, &[unit(4, &[0x67, 1, 2, 3]), slice.clone()].concat()),
            (1, true, false)
        );
        assert_eq!(
            check(4, &[unit(4, &[0x67, 1, 2, 4]), slice.clone()].concat()),
            (1, false, true)
        );
        assert_eq!(
            check(4, &[unit(4, &[6; 250]), unit(4, &[0x67, 1, 2, 4]), slice].concat()),
            (2, false, true)
        );
    }

    #[test]
    fn broken_samples_are_not_key_frames() {
        for sample in [
            &[][..],
            &[0],
            &[0, 0, 0, 0, 0x65],
            &[0, 0, 1, 0, 0x65],
            &[0xff; 40],
            &[0, 0, 0, 1, 9],
        ] {
            let (_, key_frame, _) = check(4, sample);
            assert!(!key_frame, "{sample:?}");
        }
    }
}
