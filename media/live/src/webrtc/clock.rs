//! One clock for all tracks of a publisher.
//!
//! Each track counts from a random number of its own. What arrives together is taken as made together, until the publisher's
//! sender reports say when it was made. The sound's clock is the one that the others follow: a picture may come a little
//! earlier or later without anybody seeing it, while a gap in the sound is heard.
//!
//! Source: RFC 3550 §6.4.1

use std::time::{Duration, Instant, SystemTime};

/// A track's time moves by at most this part of what has passed since its last frame.
const SLEW: i64 = 10;
/// A report that moves a track further than this is wrong.
///
/// Units: microseconds
const BELIEVED: i64 = 5_000_000;
/// A track that is further from its arrival than this has begun to count anew.
///
/// Units: microseconds
const FAR: i64 = 10_000_000;

/// What a sender report says of its track: its counter at a moment of the publisher's own clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Report {
    pub(super) at: SystemTime,
    pub(super) rtp: u64,
}

/// The clock of a publisher.
#[derive(Debug, Default)]
pub(super) struct SharedClock {
    origin: Option<Instant>,
    /// What the followed track's clock is behind the publisher's.
    ///
    /// Units: microseconds
    reference: Option<i64>,
}

impl SharedClock {
    /// The time since the first frame of all.
    ///
    /// Units: microseconds
    fn since_origin(&mut self, arrived: Instant) -> i64 {
        let origin = *self.origin.get_or_insert(arrived);
        micros(arrived.saturating_duration_since(origin))
    }
}

/// The clock of one track.
#[derive(Debug)]
pub(super) struct TrackClock {
    /// Units: ticks of a second
    rate: i64,
    is_sound: bool,
    /// What the counter shows at the origin.
    zero: Option<i64>,
    last: Option<(i64, i64)>,
}

impl TrackClock {
    pub(super) fn pictures() -> Self {
        Self::new(90_000, false)
    }

    pub(super) fn sound() -> Self {
        Self::new(48_000, true)
    }

    fn new(rate: i64, is_sound: bool) -> Self {
        Self {
            rate,
            is_sound,
            zero: None,
            last: None,
        }
    }

    /// When a frame is decoded; later than all before it.
    ///
    /// Units: ticks since the first frame of all tracks
    pub(super) fn time(&mut self, shared: &mut SharedClock, rtp: u64, arrived: Instant, report: Option<Report>) -> i64 {
        let counter = i64::try_from(rtp).unwrap_or(i64::MAX / 4);
        let arrival = self.ticks(shared.since_origin(arrived));
        let mut zero = self.zero.unwrap_or_else(|| counter.saturating_sub(arrival));
        let far = self.ticks(FAR);
        if (counter.saturating_sub(zero)).abs_diff(arrival) > far.unsigned_abs() {
            zero = counter.saturating_sub(arrival);
        } else if let Some(wrong) = report.and_then(|report| self.error(shared, zero, counter, report)) {
            let passed = self.last.map_or(0, |(last, _)| counter.saturating_sub(last));
            let step = (passed / SLEW).max(0);
            zero = zero.saturating_sub(wrong.clamp(-step, step));
        }
        let floor = self.last.map_or(i64::MIN, |(_, time)| time.saturating_add(1));
        let time = counter.saturating_sub(zero).max(floor).max(0);
        self.zero = Some(zero);
        self.last = Some((counter, time));
        time
    }

    /// How much too early the track's times are by its report.
    ///
    /// Units: ticks
    fn error(&self, shared: &mut SharedClock, zero: i64, counter: i64, report: Report) -> Option<i64> {
        let at = report.at.duration_since(SystemTime::UNIX_EPOCH).ok().map(micros)?;
        // Both counters are extended apart from each other: only their lower 32 bits are comparable.
        let since = wrapped(counter, report.rtp);
        let made = at.saturating_add(self.micros(since));
        let behind = made.saturating_sub(self.micros(counter.saturating_sub(zero)));
        if self.is_sound {
            shared.reference = Some(behind);
            return None;
        }
        let wrong = behind.saturating_sub(*shared.reference.get_or_insert(behind));
        (wrong.abs() < BELIEVED).then(|| self.ticks(wrong))
    }

    fn ticks(&self, micros: i64) -> i64 {
        scaled(micros, self.rate, 1_000_000)
    }

    fn micros(&self, ticks: i64) -> i64 {
        scaled(ticks, 1_000_000, self.rate)
    }
}

/// How much a counter is ahead of another one, both modulo 2³².
fn wrapped(counter: i64, other: u64) -> i64 {
    let low = counter.unsigned_abs() & 0xffff_ffff;
    let apart = low.wrapping_sub(other & 0xffff_ffff) & 0xffff_ffff;
    let ahead = i64::try_from(apart).unwrap_or(0);
    if ahead > 0x7fff_ffff {
        ahead - 0x1_0000_0000
    } else {
        ahead
    }
}

fn scaled(value: i64, by: i64, of: i64) -> i64 {
    i64::try_from(i128::from(value) * i128::from(by) / i128::from(of)).unwrap_or(i64::MAX / 4)
}

fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A publisher whose sound and picture of one moment arrive apart.
    struct Apart {
        shared: SharedClock,
        sound: TrackClock,
        picture: TrackClock,
        begin: Instant,
    }

    impl Apart {
        fn new() -> Self {
            Self {
                shared: SharedClock::default(),
                sound: TrackClock::sound(),
                picture: TrackClock::pictures(),
                begin: Instant::now(),
            }
        }

        /// The times of sound and picture that were made at a moment, where the picture takes 80 ms longer.
        fn both(&mut self, millis: u64, reported: bool) -> (i64, i64) {
            let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
            let report = |rtp| reported.then_some(Report { at, rtp });
            let arrived = self.begin + Duration::from_millis(millis);
            let (begin, first) = (4_000_000_000, 77);
            let sound = self
                .sound
                .time(&mut self.shared, begin + millis * 48, arrived, report(begin));
            let arrived = arrived + Duration::from_millis(80);
            let picture = self
                .picture
                .time(&mut self.shared, first + millis * 90, arrived, report(first));
            (sound / 48, picture / 90)
        }
    }

    #[test]
    fn without_reports_what_arrives_together_is_one_moment() {
        let mut apart = Apart::new();
        assert_eq!(apart.both(0, false), (0, 80));
        assert_eq!(apart.both(1_000, false), (1_000, 1_080));
    }

    #[test]
    fn reports_move_the_pictures_to_the_sound_without_a_leap() {
        let mut apart = Apart::new();
        let (mut before, _) = (apart.both(0, false), 0);
        for step in 1..60 {
            let now = apart.both(step * 40, step > 5);
            assert_eq!(now.0 - before.0, 40, "the sound never leaps");
            assert!((36..=44).contains(&(now.1 - before.1)), "{before:?} {now:?}");
            before = now;
        }
        assert!(before.0.abs_diff(before.1) <= 1, "{before:?}");
    }

    #[test]
    fn a_counter_that_begins_anew_goes_on_by_its_arrival() {
        let (mut shared, mut track) = (SharedClock::default(), TrackClock::pictures());
        let begin = Instant::now();
        assert_eq!(track.time(&mut shared, 5_000_000_000, begin, None), 0);
        let later = begin + Duration::from_secs(2);
        assert_eq!(track.time(&mut shared, 12, later, None), 180_000);
        assert_eq!(track.time(&mut shared, 12, later, None), 180_001, "times only grow");
    }

    #[test]
    fn a_report_from_nowhere_is_not_believed() {
        let mut apart = Apart::new();
        apart.both(0, true);
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(5);
        let wrong = Report { at, rtp: 0 };
        let arrived = apart.begin + Duration::from_millis(1_000);
        let time = apart.picture.time(&mut apart.shared, 77 + 90_000, arrived, Some(wrong));
        assert_eq!(time / 90, 1_080);
    }
}
