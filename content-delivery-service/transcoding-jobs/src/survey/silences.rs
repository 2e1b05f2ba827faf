//! Long silences in a sound: spans for which it has no packets. An encoder that filled one would hold all of it in memory.

use super::seconds::LONGEST;
use std::ops::Range;

/// A silence is longer than this, in ticks: ten seconds. An encoder fills shorter ones.
const LONG: u64 = 10 * 90_000;
/// The most silences of a sound; the shortest ones beyond that are left to the encoder.
const MOST: usize = 500;

/// The long silences of a sound so far.
#[derive(Debug, Default)]
pub(super) struct Silences {
    found: Vec<Range<u64>>,
    /// When the sound so far ends.
    end: u64,
}

impl Silences {
    /// Adds the next packet; packets are in order, but for small steps back.
    pub(super) fn add(&mut self, time: i128, duration: i128) {
        let tick = |time: i128| u64::try_from(time.clamp(0, LONGEST)).unwrap_or(0);
        let begin = tick(time);
        if begin.saturating_sub(self.end) > LONG {
            self.found.push(self.end..begin);
            if self.found.len() > MOST {
                let shortest = (0..).zip(&self.found).min_by_key(|(_, one)| one.end - one.start);
                let shortest = shortest.map_or(0, |(place, _)| place);
                self.found.remove(shortest);
            }
        }
        self.end = self.end.max(tick(time.saturating_add(duration.max(0))));
    }

    /// The silences that sound follows before `limit`.
    pub(super) fn before(&self, limit: u64) -> Vec<Range<u64>> {
        let within = self.found.iter().filter(|one| one.end < limit);
        within.cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i128 = 90_000;

    #[test]
    fn a_silence_lies_between_the_end_of_a_packet_and_the_next_one() {
        let mut silences = Silences::default();
        for (from, to) in [(12, 20), (29, 40), (39, 41), (60, 70), (7_000, 7_001)] {
            silences.add(from * SECOND, (to - from) * SECOND);
        }
        let seconds = |limit: u64| -> Vec<_> {
            let all = silences.before(limit * 90_000);
            all.into_iter()
                .map(|one| (one.start / 90_000, one.end / 90_000))
                .collect()
        };
        assert_eq!(seconds(u64::MAX / 90_000), [(0, 12), (41, 60), (70, 7_000)]);
        assert_eq!(seconds(100), [(0, 12), (41, 60)], "what follows belongs to no lecture");
    }

    #[test]
    fn of_many_silences_the_long_ones_are_kept() {
        let mut silences = Silences::default();
        for n in 0..600 {
            let length = if n < 300 { 60 } else { 30 };
            silences.add(silences_end(&silences) + length * SECOND, SECOND);
        }
        let all = silences.before(u64::MAX);
        assert_eq!(all.len(), MOST);
        assert_eq!(all.iter().filter(|one| one.end - one.start == 60 * 90_000).count(), 300);
    }

    fn silences_end(silences: &Silences) -> i128 {
        silences.end.into()
    }

    #[test]
    fn times_beyond_belief_make_no_silence_beyond_the_longest_lecture() {
        let mut silences = Silences::default();
        for time in [
            i128::from(i64::MIN) << 40,
            i128::from(i64::MAX) << 40,
            i128::from(i64::MAX) << 41,
        ] {
            silences.add(time, i128::from(i64::MAX) << 40);
        }
        assert_eq!(silences.before(u64::MAX).len(), 1);
    }
}
