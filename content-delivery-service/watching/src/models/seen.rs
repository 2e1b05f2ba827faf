//! What parts of a lecture somebody has seen.

/// From when to when; times are microseconds of the lecture.
pub type Interval = (i64, i64);

/// A gap that is no more than what players miss between two reports.
const SMALL_GAP: i64 = 500_000;
/// How many intervals are kept.
const MOST_KEPT: usize = 500;

/// The parts of intervals before an end.
#[must_use]
pub fn clamped(intervals: &[Interval], end: i64) -> Vec<Interval> {
    let inside = intervals.iter().filter(|(from, _)| *from < end);
    inside.map(|(from, to)| (*from, (*to).min(end))).collect()
}

/// Everything that is in either list: in order, without overlaps, small gaps closed; if that is still too much to keep, the
/// smallest gaps too.
#[must_use]
pub fn merged(seen: &[Interval], more: &[Interval]) -> Vec<Interval> {
    let filled = seen.iter().chain(more).filter(|(from, to)| from < to);
    let mut all: Vec<Interval> = filled.copied().collect();
    all.sort_unstable();
    let whole = joined(&all, SMALL_GAP);
    let excess = whole.len().saturating_sub(MOST_KEPT);
    if excess == 0 {
        return whole;
    }
    let mut gaps: Vec<i64> = whole.windows(2).map(|pair| pair[1].0 - pair[0].1).collect();
    gaps.sort_unstable();
    gaps.get(excess - 1)
        .map_or(whole.clone(), |largest| joined(&whole, *largest))
}

/// Sorted intervals without overlaps and without gaps up to a length.
fn joined(sorted: &[Interval], gap: i64) -> Vec<Interval> {
    let mut whole: Vec<Interval> = Vec::with_capacity(sorted.len());
    for &(from, to) in sorted {
        match whole.last_mut() {
            Some(last) if from <= last.1.saturating_add(gap) => last.1 = last.1.max(to),
            _ => whole.push((from, to)),
        }
    }
    whole
}

/// How long intervals without overlaps last together.
#[must_use]
pub fn total(seen: &[Interval]) -> i64 {
    seen.iter().map(|(from, to)| to - from).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;

    /// Random numbers, the same for the same seed.
    struct Random(u64);

    impl Random {
        fn below(&mut self, end: u64) -> i64 {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            i64::try_from((self.0 >> 33) % end).unwrap()
        }

        fn intervals(&mut self, count: u64) -> Vec<Interval> {
            (0..count)
                .map(|_| {
                    let from = self.below(3_600) * SECOND;
                    (from, from + self.below(30) * SECOND)
                })
                .collect()
        }
    }

    #[test]
    fn overlaps_count_once_and_small_gaps_close() {
        let seen = merged(
            &[(0, 10), (40 * SECOND, 50 * SECOND)],
            &[(5, 20), (45 * SECOND, 60 * SECOND)],
        );
        assert_eq!(seen, [(0, 20), (40 * SECOND, 60 * SECOND)]);
        assert_eq!(
            merged(&seen, &[(20 + SMALL_GAP, SECOND)]),
            [(0, SECOND), (40 * SECOND, 60 * SECOND)]
        );
        assert_eq!(merged(&[], &[(5, 5)]), []);
        assert_eq!(total(&seen), 20 + 20 * SECOND);
    }

    #[test]
    fn the_order_of_reports_changes_nothing_and_repeating_them_neither() {
        let seed = 20_261_130;
        println!("seed {seed}");
        let mut random = Random(seed);
        for _ in 0..200 {
            let (one, two, three) = (random.intervals(9), random.intervals(9), random.intervals(9));
            let forth = merged(&merged(&one, &two), &three);
            let back = merged(&merged(&three, &two), &one);
            assert_eq!(forth, back);
            assert_eq!(merged(&forth, &two), forth);
            assert!(forth.windows(2).all(|pair| pair[0].1 + SMALL_GAP < pair[1].0));
            let all: Vec<Interval> = [one, two, three].concat();
            for (from, to) in all.iter().filter(|(from, to)| from < to) {
                assert!(
                    forth.iter().any(|(begin, end)| begin <= from && to <= end),
                    "{from} to {to} is lost"
                );
            }
        }
    }

    #[test]
    fn at_most_five_hundred_parts_are_kept_and_nothing_seen_is_lost() {
        let many: Vec<Interval> = (0..2_000)
            .map(|n| (n * 10 * SECOND, n * 10 * SECOND + SECOND + n % 7 * SECOND))
            .collect();
        let kept = merged(&[], &many);
        assert!(kept.len() <= MOST_KEPT, "{}", kept.len());
        for (from, to) in many {
            assert!(kept.iter().any(|(begin, end)| *begin <= from && to <= *end));
        }
    }

    #[test]
    fn what_lies_behind_the_end_was_not_seen() {
        assert_eq!(clamped(&[(0, 5), (5, 15), (10, 12), (11, 20)], 10), [(0, 5), (5, 10)]);
    }
}
