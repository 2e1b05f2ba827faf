//! When a sample that comes out of an encoder went into it.

use std::collections::VecDeque;

/// Sound may come out of an encoder this much later than it went in.
const MOST_STRETCHES: usize = 1_024;

/// Counts the samples that go into an encoder, and knows their times.
///
/// The encoder may change the rate. Sound with a gap goes in without it, and comes out with it.
#[derive(Debug, Clone)]
pub struct Timeline {
    rate_in: i64,
    rate_out: i64,
    /// Samples that went in.
    taken: i64,
    stretches: VecDeque<Stretch>,
}

/// Sound without a gap.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    /// The number of its first sample.
    first: i64,
    /// The time of that sample.
    ///
    /// Units: samples at the rate of what goes in
    time: i64,
}

impl Timeline {
    /// A timeline of an encoder that takes sound of one rate and makes sound of another.
    #[must_use]
    pub fn new(rate_in: u32, rate_out: u32) -> Self {
        Self {
            rate_in: rate_in.max(1).into(),
            rate_out: rate_out.max(1).into(),
            taken: 0,
            stretches: VecDeque::new(),
        }
    }

    /// Notes that sound of this time went in.
    ///
    /// Units: samples at the rate of what goes in
    pub fn push(&mut self, time: i64, samples: u32) {
        let expected = self.stretches.back().map(|last| last.time + (self.taken - last.first));
        if expected != Some(time) {
            if self.stretches.len() == MOST_STRETCHES {
                self.stretches.pop_front();
            }
            self.stretches.push_back(Stretch {
                first: self.taken,
                time,
            });
        }
        self.taken += i64::from(samples);
    }

    /// The time of a sample that comes out, and forgets what is long before it.
    ///
    /// Shape: none for samples that nothing went in for, such as those that prime an encoder
    ///
    /// Units: samples at the rate of what comes out
    pub fn time(&mut self, sample: i64) -> Option<i64> {
        while let Some(second) = self.stretches.get(1)
            && self.out(second.first) <= sample
        {
            self.stretches.pop_front();
        }
        let stretch = self.stretches.front()?;
        let since = sample - self.out(stretch.first);
        (since >= 0).then(|| self.out(stretch.time) + since)
    }

    /// A number of samples of what goes in, as samples of what comes out.
    fn out(&self, samples: i64) -> i64 {
        (samples * self.rate_out).div_euclid(self.rate_in)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_through_an_encoder_unchanged() {
        let mut timeline = Timeline::new(48_000, 48_000);
        for n in 0..100 {
            timeline.push(5_000 + n * 960, 960);
        }
        assert_eq!(timeline.time(-1_024), None);
        for n in 0..90 {
            assert_eq!(timeline.time(n * 1_024), Some(5_000 + n * 1_024));
        }
    }

    #[test]
    fn gaps_come_out_where_they_went_in() {
        let mut timeline = Timeline::new(44_100, 48_000);
        timeline.push(0, 44_100);
        timeline.push(88_200, 44_100);
        assert_eq!(timeline.time(0), Some(0));
        assert_eq!(timeline.time(47_040), Some(47_040));
        assert_eq!(timeline.time(48_000), Some(96_000));
        assert_eq!(timeline.time(48_960), Some(96_960));
    }

    #[test]
    fn packets_are_evenly_spaced_for_hours_at_another_rate() {
        let mut timeline = Timeline::new(44_100, 48_000);
        let mut sample = 0;
        let mut last = None;
        for n in 0..2_000_000_i64 {
            timeline.push(7 + n * 1_024, 1_024);
            if n % 10 == 0 {
                let time = timeline.time(sample).unwrap();
                assert!(last.is_none_or(|last| time - last == 960));
                (last, sample) = (Some(time), sample + 960);
            }
        }
    }
}
