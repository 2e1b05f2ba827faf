//! The clock of a publisher: its timestamps wrap, go back and jump, but frames need one steady clock for all tracks.

use super::TagKind;

/// A pause that a publisher may make; a longer step of its timestamps is a new start of its clock.
///
/// Units: milliseconds
const LONGEST_PAUSE: i64 = 30_000;
/// How far the timestamps of a track may go back before that is a new start of the publisher's clock.
///
/// Units: milliseconds
const LONGEST_STEP_BACK: i64 = 500;
/// How far behind the other track a track may begin.
///
/// Units: milliseconds
const LATEST_BEGINNING: i64 = 10_000;
/// The time from the last frame to the first one after a new start.
///
/// Units: milliseconds
const STEP: i64 = 40;

/// Turns the timestamps of all tracks into times since the first.
#[derive(Debug, Clone)]
pub(super) struct Clock {
    /// A timestamp, and the time that it stands for.
    base: Option<(u32, i64)>,
    /// The latest time of any track.
    latest: i64,
    tracks: [Option<i64>; 2],
}

impl Clock {
    /// A clock whose zero is the first timestamp.
    pub(super) fn new() -> Self {
        Self {
            base: None,
            latest: 0,
            tracks: [None, None],
        }
    }

    /// A clock whose zero is this timestamp.
    pub(super) fn from(zero: u32) -> Self {
        Self {
            base: Some((zero, 0)),
            ..Self::new()
        }
    }

    /// The time of a tag.
    ///
    /// Units: milliseconds
    pub(super) fn time(&mut self, kind: TagKind, timestamp: u32) -> i64 {
        let (known, at) = self.base.unwrap_or((timestamp, 0));
        let mut time = at + i64::from(timestamp.wrapping_sub(known).cast_signed());
        let track = usize::from(kind == TagKind::Picture);
        let earliest = self.tracks[track].map_or(self.latest - LATEST_BEGINNING, |last| last - LONGEST_STEP_BACK);
        let has_begun = self.tracks.iter().any(Option::is_some);
        if has_begun && (time < earliest || time > self.latest + LONGEST_PAUSE) {
            time = self.latest + STEP;
        }
        self.base = Some((timestamp, time));
        self.latest = self.latest.max(time);
        self.tracks[track] = Some(time);
        time
    }
}

/// How far sound may be from its timestamps on average before it is moved to them.
///
/// Units: milliseconds
const DRIFT: i64 = 15;
/// How far one packet may be from its timestamp before it is moved to it.
///
/// Units: milliseconds
const GAP: i64 = 80;
/// How many packets the average is taken over, about.
const WINDOW: i64 = 32;

/// The times of packets of sound: counted in samples, because milliseconds are too coarse, and moved to the publisher's
/// timestamps only where the two part.
#[derive(Debug, Clone)]
pub(super) struct SampleClock {
    rate: i64,
    /// The time of the next packet if it follows the last one without a gap.
    next: Option<i64>,
    last: Option<i64>,
    /// The sum of differences, as it is in the long run: `WINDOW` times their average.
    drift: i64,
}

impl SampleClock {
    pub(super) fn new(rate: u32) -> Self {
        Self {
            rate: rate.into(),
            next: None,
            last: None,
            drift: 0,
        }
    }

    /// The time of a packet of so many samples.
    ///
    /// Units: `time` in milliseconds; the result in samples
    pub(super) fn packet(&mut self, time: i64, samples: u32) -> i64 {
        let stamp = (time * self.rate + 500).div_euclid(1_000);
        let next = self.next.unwrap_or(stamp);
        let error = stamp - next;
        self.drift += error - self.drift / WINDOW;
        let has_gap = error.abs() > GAP * self.rate / 1_000;
        let has_drifted = (self.drift / WINDOW).abs() > DRIFT * self.rate / 1_000;
        let at = if has_gap || has_drifted {
            self.drift = 0;
            self.last.map_or(stamp, |last| stamp.max(last + 1))
        } else {
            next
        };
        self.last = Some(at);
        self.next = Some(at + i64::from(samples));
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn timestamps_wrap_without_a_jump() {
        let mut clock = Clock::new();
        let begin = u32::MAX - 50;
        let times: Vec<i64> = (0..5)
            .map(|n| clock.time(TagKind::Picture, begin.wrapping_add(n * 33)))
            .collect();
        assert_eq!(times, [0, 33, 66, 99, 132]);
    }

    #[test]
    fn both_tracks_move_together_when_the_publisher_starts_its_clock_anew() {
        for start in [0, 7_200_000] {
            let mut clock = Clock::new();
            for n in 0..10 {
                clock.time(TagKind::Picture, 1_000_000 + n * 40);
                clock.time(TagKind::Sound, 1_000_000 + n * 40 + 7);
            }
            let picture = clock.time(TagKind::Picture, start);
            let sound = clock.time(TagKind::Sound, start + 7);
            assert_eq!((picture, sound), (367 + 40, 367 + 47), "{start}");
        }
    }

    #[test]
    fn pauses_and_small_steps_back_are_kept() {
        let mut clock = Clock::new();
        let times = [0, 40, 20, 10_040, 10_080].map(|time| clock.time(TagKind::Picture, time + 5));
        assert_eq!(times, [0, 40, 20, 10_040, 10_080]);
    }

    #[test]
    fn sound_counted_in_samples_never_drifts_from_its_timestamps() {
        let mut clock = SampleClock::new(44_100);
        let mut last = None;
        for n in 0..100_000_i64 {
            let time = n * 1_024 * 1_000 / 44_100;
            let at = clock.packet(time, 1_024);
            assert!((at * 1_000 / 44_100 - time).abs() <= 1, "packet {n}");
            assert!(last.is_none_or(|last| at - last == 1_024), "packet {n}");
            last = Some(at);
        }
    }

    #[test]
    fn a_sound_card_that_is_too_fast_or_slow_stays_within_20_ms() {
        for (parts, direction) in [(300, 1), (300, -1)] {
            let mut clock = SampleClock::new(48_000);
            let mut last = i64::MIN;
            for n in 0..200_000_i64 {
                let exact = n * 1_024 * 1_000_000 / 48_000;
                let time = (exact + direction * exact * parts / 1_000_000) / 1_000;
                let at = clock.packet(time, 1_024);
                assert!((at * 1_000 / 48_000 - time).abs() <= 20, "packet {n}");
                assert!(at > last);
                last = at;
            }
        }
    }

    #[test]
    fn a_gap_in_the_sound_stays_a_gap() {
        let mut clock = SampleClock::new(48_000);
        clock.packet(0, 1_024);
        assert_eq!(clock.packet(500, 1_024), 24_000);
        assert_eq!(clock.packet(521, 1_024), 25_024);
    }

    proptest! {
        #[test]
        fn any_timestamps_give_steady_times(stamps in prop::collection::vec((any::<bool>(), any::<u32>()), 1..200)) {
            let mut clock = Clock::new();
            let mut sound = SampleClock::new(44_100);
            let mut last = i64::MIN;
            for (is_sound, stamp) in stamps {
                let kind = if is_sound { TagKind::Sound } else { TagKind::Picture };
                let time = clock.time(kind, stamp);
                prop_assert!((-200 * 500 - 10_000..=200 * 31_000).contains(&time));
                if is_sound {
                    let at = sound.packet(time, 1_024);
                    prop_assert!(at > last);
                    last = at;
                }
            }
        }
    }
}
