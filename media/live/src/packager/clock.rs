//! The lecture's timeline: microseconds since its beginning, and ticks of media time.

use super::made::Targets;

/// The media time of the lecture's zero, as in all segments of the project: times shortly before it need no negative
/// numbers.
/// Units: microseconds
const ORIGIN: i64 = 1_000_000;

const SECOND: i128 = 1_000_000;

/// One stretch of the lecture without an interruption.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Epoch {
    /// Where it begins on the lecture's timeline.
    pub(super) from: u64,
    /// From the publisher's clock to the lecture's timeline.
    shift: i64,
    /// When the lecture's timeline would have begun, by the wall clock.
    zero: i64,
}

impl Epoch {
    /// An epoch whose first frame has `first` on the publisher's clock and came at `now`.
    pub(super) fn new(from: u64, first: i64, now: i64) -> Self {
        let from_signed = i64::try_from(from).unwrap_or(i64::MAX);
        Self {
            from,
            shift: from_signed.saturating_sub(first),
            zero: now.saturating_sub(from_signed),
        }
    }

    /// The media time of a frame; `None` if it belongs before the epoch.
    pub(super) fn ticks(&self, decoded_at: i64, timescale: u32) -> Option<u64> {
        let shift = to_ticks(i128::from(self.shift) + i128::from(ORIGIN), timescale);
        let from = ticks(self.from, timescale);
        let ticks = u64::try_from(i128::from(decoded_at) + shift).ok()?;
        // Rounding may place the first frame a tick early.
        (ticks.saturating_add(2) >= from).then_some(ticks.max(from))
    }

    /// When a place on the lecture's timeline was, by the wall clock.
    pub(super) fn programme_time(&self, at: u64) -> i64 {
        self.zero.saturating_add_unsigned(at)
    }
}

fn to_ticks(micros: i128, timescale: u32) -> i128 {
    (micros * i128::from(timescale)).div_euclid(SECOND)
}

/// The media time of a place on the lecture's timeline.
pub(super) fn ticks(at: u64, timescale: u32) -> u64 {
    u64::try_from(to_ticks(i128::from(at) + i128::from(ORIGIN), timescale)).unwrap_or(u64::MAX)
}

/// The place of a media time on the lecture's timeline.
pub(super) fn micros(ticks: u64, timescale: u32) -> u64 {
    let micros = i128::from(ticks) * SECOND / i128::from(timescale.max(1)) - i128::from(ORIGIN);
    u64::try_from(micros).unwrap_or(0)
}

/// Ticks of a publisher's clock in microseconds.
pub(super) fn signed_micros(ticks: i64, timescale: u32) -> i64 {
    let micros = (i128::from(ticks) * SECOND).div_euclid(i128::from(timescale.max(1)));
    i64::try_from(micros).unwrap_or(i64::MAX)
}

/// A length of media time in microseconds, rounded down.
pub(super) fn length(ticks: u64, timescale: u32) -> u64 {
    u64::try_from(i128::from(ticks) * SECOND / i128::from(timescale.max(1))).unwrap_or(u64::MAX)
}

/// A length in microseconds as media time, rounded down.
pub(super) fn length_in_ticks(micros: u64, timescale: u32) -> u64 {
    u64::try_from(i128::from(micros) * i128::from(timescale) / SECOND).unwrap_or(u64::MAX)
}

/// How long a segment should be.
/// Units: microseconds, as everything below
pub(super) const SEGMENT: u64 = 2_000_000;
/// When the publisher is asked for the key frame that ends a segment.
pub(super) const ASK: u64 = 1_900_000;
/// A key frame earlier than this doesn't end a segment: viewers ask for some, too.
pub(super) const SHORTEST: u64 = 1_500_000;
/// The distance of two requests for a key frame.
pub(super) const ASK_AGAIN: i64 = 500_000;

impl Targets {
    /// The longest part of lectures whose pictures come at least 15 times a second.
    pub(super) const PART: u64 = 333_334;
    const LONGEST_PART: u64 = 1_000_000;
    const SHORTEST_SEGMENT: u64 = 3;
    const LONGEST_SEGMENT: u64 = 10;

    /// What a lecture can promise.
    ///
    /// Shape: `interval` between pictures, `None` without a picture; `distance` of key frames where the publisher decides,
    ///        `Some(None)` if it is not known yet
    pub(super) fn measured(interval: Option<u64>, distance: Option<Option<u64>>) -> Self {
        let part = match interval {
            // 15 a second, with some jitter.
            Some(interval) if interval > 69_000 => interval.saturating_mul(7).min(Self::LONGEST_PART),
            _ => Self::PART,
        };
        let seconds = match distance {
            None => Self::SHORTEST_SEGMENT,
            // A length is rounded to the nearest second before it is compared.
            Some(Some(distance)) => distance.saturating_sub(400_000).div_ceil(1_000_000),
            Some(None) => Self::LONGEST_SEGMENT,
        };
        let segment = seconds.clamp(Self::SHORTEST_SEGMENT, Self::LONGEST_SEGMENT);
        Self {
            segment: u32::try_from(segment).unwrap_or(3),
            part,
        }
    }

    /// How long a request may wait for a part or a segment before it is refused with 503.
    /// Units: microseconds
    #[must_use]
    pub fn wait(self) -> u64 {
        u64::from(self.segment) * 3_000_000
    }

    /// The longest segment.
    pub(super) fn longest(self) -> u64 {
        u64::from(self.segment) * 1_000_000 + 450_000
    }

    /// How long a rendition may have nothing before it counts as absent.
    pub(super) fn patience(self) -> u64 {
        if self.part > 500_000 { 2_500_000 } else { 1_500_000 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn promises_follow_what_the_publisher_sends() {
        let part = |fps: u64| Targets::measured(Some(1_000_000 / fps), None).part;
        assert_eq!([60, 30, 25, 15].map(part), [333_334; 4]);
        assert_eq!([12, 10, 5, 1].map(part), [583_331, 700_000, 1_000_000, 1_000_000]);
        assert_eq!(
            Targets::measured(None, None),
            Targets {
                segment: 3,
                part: 333_334
            }
        );
        let segment = |distance| Targets::measured(None, Some(distance)).segment;
        assert_eq!(segment(Some(2_000_000)), 3);
        assert_eq!(segment(Some(8_333_333)), 8);
        assert_eq!(segment(Some(8_500_000)), 9);
        assert_eq!([segment(Some(60_000_000)), segment(None)], [10; 2]);
    }

    #[test]
    fn a_frame_before_its_epoch_has_no_place() {
        let epoch = Epoch::new(5_000_001, 40_000_000, 1_700_000_000_000_000);
        assert_eq!(epoch.ticks(40 * 90_000, 90_000), Some(6 * 90_000));
        assert_eq!(epoch.ticks(40 * 48_000 + 960, 48_000), Some(6 * 48_000 + 960));
        assert_eq!(epoch.ticks(40 * 90_000 - 900, 90_000), None);
        assert_eq!(epoch.programme_time(5_000_001), 1_700_000_000_000_000);
        assert_eq!(micros(6 * 90_000, 90_000), 5_000_000);
    }
}
