//! Which layer of the pictures a viewer gets.

use std::time::{Duration, Instant};

/// A layer that has sent nothing for so long is not there.
const ABSENT: Duration = Duration::from_millis(1_500);
/// How long a viewer stays after having been sent down, before a larger layer is tried.
const REST: Duration = Duration::from_secs(4);
/// What the sound and repairs need beside the pictures.
///
/// Units: bits a second
const ASIDE: u64 = 80_000;

/// What is known of the layers, and what the viewer's connection takes.
#[derive(Debug, Default)]
pub(super) struct Layers {
    seen: Vec<Seen>,
    /// What the connection takes; none as long as nobody knows.
    ///
    /// Units: bits a second
    estimate: Option<u64>,
    /// When a smaller layer was chosen last.
    fell: Option<Instant>,
}

#[derive(Debug)]
struct Seen {
    layer: u8,
    at: Instant,
    bit_rate: u64,
}

impl Layers {
    pub(super) fn note(&mut self, now: Instant, layer: u8, bit_rate: u64) {
        match self.seen.iter_mut().find(|seen| seen.layer == layer) {
            Some(seen) => {
                seen.at = now;
                seen.bit_rate = bit_rate;
            }
            None => {
                self.seen.push(Seen {
                    layer,
                    at: now,
                    bit_rate,
                });
                self.seen.sort_by_key(|seen| seen.layer);
            }
        }
    }

    pub(super) fn estimated(&mut self, bit_rate: u64) {
        self.estimate = Some(bit_rate);
    }

    pub(super) fn estimate(&self) -> Option<u64> {
        self.estimate
    }

    /// The rate of the largest layer, with everything beside it.
    pub(super) fn desired(&self) -> Option<u64> {
        self.seen.last().map(|largest| needed(largest.bit_rate))
    }

    /// The layer that the viewer should get: the largest that arrives and fits, else the smallest that arrives.
    pub(super) fn choose(&mut self, now: Instant, current: Option<u8>) -> Option<u8> {
        let arrives = |seen: &&Seen| now.duration_since(seen.at) < ABSENT;
        let smallest = self.seen.iter().find(arrives)?.layer;
        let rests = self.fell.is_some_and(|fell| now.duration_since(fell) < REST);
        let fits = |seen: &&Seen| {
            let Some(estimate) = self.estimate else { return true };
            let larger = current.is_some_and(|current| seen.layer > current);
            if larger {
                // A little more than it needs, or the viewer would soon be sent down again.
                !rests && needed(seen.bit_rate) / 8 * 9 <= estimate
            } else if current == Some(seen.layer) {
                needed(seen.bit_rate) / 8 * 7 <= estimate
            } else {
                needed(seen.bit_rate) <= estimate
            }
        };
        let chosen = self.seen.iter().rev().filter(arrives).find(fits);
        let chosen = chosen.map_or(smallest, |seen| seen.layer);
        if current.is_some_and(|current| chosen < current) {
            self.fell = Some(now);
        }
        Some(chosen)
    }
}

fn needed(pictures: u64) -> u64 {
    pictures.saturating_add(ASIDE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three(now: Instant) -> Layers {
        let mut layers = Layers::default();
        for (layer, rate) in [(0, 150_000), (1, 500_000), (2, 2_500_000)] {
            layers.note(now, layer, rate);
        }
        layers
    }

    #[test]
    fn without_an_estimate_the_largest_layer_is_shown() {
        let now = Instant::now();
        assert_eq!(three(now).choose(now, None), Some(2));
        assert_eq!(Layers::default().choose(now, None), None);
    }

    #[test]
    fn a_narrow_connection_gets_what_fits() {
        let now = Instant::now();
        let mut layers = three(now);
        for (estimate, expected) in [(400_000, 0), (50_000, 0), (700_000, 1), (3_000_000, 2)] {
            layers.estimated(estimate);
            assert_eq!(layers.choose(now, None), Some(expected), "{estimate}");
        }
    }

    #[test]
    fn who_was_sent_down_rests_before_the_next_try() {
        let now = Instant::now();
        let mut layers = three(now);
        layers.estimated(1_000_000);
        assert_eq!(layers.choose(now, Some(2)), Some(1));
        layers.estimated(9_000_000);
        assert_eq!(layers.choose(now, Some(1)), Some(1), "rests");
        let later = now + REST;
        let mut again = three(later);
        again.fell = layers.fell;
        again.estimated(9_000_000);
        assert_eq!(again.choose(later, Some(1)), Some(2));
    }

    #[test]
    fn a_layer_that_has_stopped_is_replaced() {
        let now = Instant::now();
        let mut layers = three(now);
        let later = now + ABSENT;
        layers.note(later, 0, 150_000);
        assert_eq!(layers.choose(later, Some(2)), Some(0));
        layers.note(later, 2, 2_500_000);
        assert_eq!(layers.choose(later + REST, None), None, "nothing arrives");
    }
}
