//! The stretches of a sound between its long silences. Each is encoded by a run of its own; the silences between them are
//! made of silent frames, so that no encoder holds hours of silence in memory.

use super::arguments::SAMPLE_RATE;
use fmp4::TICKS;
use std::ops::Range;

/// Samples in a frame.
const FRAME: u64 = 1_024;
/// How much of a silence is encoded with the sound before and after it: times are rounded, and decoders are late.
const MARGIN: u64 = TICKS as u64 / 2;
/// How much longer than planned a sound may be.
const BEYOND: u64 = 30 * TICKS as u64;

/// A stretch of sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stretch {
    /// Its first frame; the frames before it are silent.
    pub(super) first: u64,
    /// When it ends at the latest, in ticks.
    pub(super) end: u64,
}

/// The stretches that are not encoded yet once there are so many frames.
pub(super) fn remaining(silences: &[Range<u64>], lecture_end: u64, frames: u64) -> Vec<Stretch> {
    let begins = silences.iter().map(|silence| silence.end.saturating_sub(MARGIN));
    let ends = silences.iter().map(|silence| (silence.start, silence.start + MARGIN));
    let last = lecture_end.saturating_add(BEYOND);
    let stretches = std::iter::once(0).chain(begins).zip(ends.chain([(last, last)]));
    let remaining = stretches.filter(|(_, (sound_end, _))| frame_at(*sound_end) > frames);
    let remaining = remaining.map(|(begin, (_, end))| Stretch {
        first: frame_at(begin),
        end,
    });
    remaining.collect()
}

/// The frame at a time.
fn frame_at(ticks: u64) -> u64 {
    let frame = u128::from(ticks) * u128::from(SAMPLE_RATE) / (u128::from(TICKS) * u128::from(FRAME));
    u64::try_from(frame).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = TICKS as u64;

    #[test]
    fn a_sound_without_silences_is_one_stretch() {
        let whole = [Stretch {
            first: 0,
            end: 90 * SECOND,
        }];
        assert_eq!(remaining(&[], 60 * SECOND, 0), whole);
        assert_eq!(remaining(&[], 60 * SECOND, 2_000), whole);
    }

    #[test]
    fn silences_part_it_and_what_is_encoded_does_not_come_again() {
        let silences = [0..20 * SECOND, 30 * SECOND..600 * SECOND];
        let all = remaining(&silences, 660 * SECOND, 0);
        let expected = [(914, 30 * SECOND + MARGIN), (28_101, 690 * SECOND)];
        assert_eq!(all.iter().map(|it| (it.first, it.end)).collect::<Vec<_>>(), expected);
        // it was stopped within a stretch, in a silence, and within the last stretch
        assert_eq!(remaining(&silences, 660 * SECOND, 1_000), all);
        assert_eq!(remaining(&silences, 660 * SECOND, 1_406), all[1..]);
        assert_eq!(remaining(&silences, 660 * SECOND, 28_200), all[1..]);
    }
}
