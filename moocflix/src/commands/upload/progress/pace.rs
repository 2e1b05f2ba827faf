//! The pace of an upload: the speed of the last seconds, and how long the rest takes at that speed.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The first bytes fill the system's buffers; their speed is not the connection's.
const SETTLING: Duration = Duration::from_secs(1);
/// How long the speed is measured before it is shown.
const SHORTEST: Duration = Duration::from_secs(1);
/// The seconds that count.
const WINDOW: Duration = Duration::from_secs(10);
/// The time between two marks.
const STEP: Duration = Duration::from_millis(250);

/// The positions of the last seconds.
#[derive(Debug)]
pub(super) struct Pace {
    begun: Instant,
    marks: VecDeque<(Instant, u64)>,
}

impl Pace {
    /// Starts to measure, at the beginning or where an upload resumes.
    pub(super) fn starting(now: Instant) -> Self {
        Self {
            begun: now,
            marks: VecDeque::new(),
        }
    }

    /// Notes a position.
    pub(super) fn note(&mut self, now: Instant, position: u64) {
        let since = |then: Instant| now.saturating_duration_since(then);
        if since(self.begun) < SETTLING || self.marks.back().is_some_and(|(at, _)| since(*at) < STEP) {
            return;
        }
        self.marks.push_back((now, position));
        while self.marks.len() > 2 && self.marks.front().is_some_and(|(at, _)| since(*at) > WINDOW) {
            self.marks.pop_front();
        }
    }

    /// The speed, once it is known.
    ///
    /// Units: bytes a second
    pub(super) fn speed(&self, now: Instant, position: u64) -> Option<u64> {
        let (since, from) = self.marks.front()?;
        let elapsed = now.saturating_duration_since(*since);
        if elapsed < SHORTEST {
            return None;
        }
        let moved = position.saturating_sub(*from).saturating_mul(1_000);
        moved.checked_div(u64::try_from(elapsed.as_millis()).ok()?)
    }

    /// How long the rest takes, if that is known and at least a second.
    pub(super) fn left(&self, now: Instant, position: u64, length: u64) -> Option<Duration> {
        let rest = length.saturating_sub(position);
        let seconds = rest.checked_div(self.speed(now, position)?)?;
        (seconds > 0).then(|| Duration::from_secs(seconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1_000_000;

    /// The pace of a connection of 3 MB a second that resumes at a position, behind a buffer of 6 MB.
    fn after(milliseconds: u64, from: u64) -> (Pace, Instant, u64) {
        let begun = Instant::now();
        let mut pace = Pace::starting(begun);
        let mut last = (begun, from);
        for step in 0..=milliseconds / 50 {
            let now = begun + Duration::from_millis(step * 50);
            last = (now, from + 6 * MB + step * 150_000);
            pace.note(last.0, last.1);
        }
        (pace, last.0, last.1)
    }

    #[test]
    fn a_burst_at_the_beginning_is_no_speed() {
        for from in [0, 400 * MB] {
            for time in [500, 1_000, 1_900] {
                let (pace, now, position) = after(time, from);
                assert_eq!(pace.speed(now, position), None, "{time} ms from {from}");
                assert_eq!(pace.left(now, position, 1_000 * MB), None);
            }
            for time in [2_100, 5_000, 30_000] {
                let (pace, now, position) = after(time, from);
                assert_eq!(pace.speed(now, position), Some(3 * MB), "{time} ms from {from}");
            }
        }
    }

    #[test]
    fn the_time_left_is_never_nothing() {
        let (pace, now, position) = after(5_000, 0);
        assert_eq!(
            pace.left(now, position, position + 30 * MB),
            Some(Duration::from_secs(10))
        );
        assert_eq!(pace.left(now, position, position + 2 * MB), None);
        assert_eq!(pace.left(now, position, position), None);
    }

    #[test]
    fn only_the_last_seconds_count_and_a_standstill_is_slow() {
        let (mut pace, now, position) = after(30_000, 0);
        let later = now + Duration::from_secs(30);
        assert_eq!(pace.speed(later, position), Some(750_000));
        for second in 1..=20 {
            pace.note(now + Duration::from_secs(second), position + second * MB);
        }
        let then = now + Duration::from_secs(20);
        assert_eq!(pace.speed(then, position + 20 * MB), Some(MB));
    }
}
