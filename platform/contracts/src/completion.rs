//! How much of a lecture completes it.

use std::time::Duration;

/// Players miss the last pictures of a lecture: the longest end that nobody has to see.
const END: Duration = Duration::from_millis(500);
/// The same in a short lecture, as a part of its length.
const PARTS: u32 = 100;

/// Whether somebody who has seen this much of a lecture has seen this share of it. A lecture without a length is never
/// completed.
#[must_use]
pub fn is_enough(seen: Duration, duration: Duration, share: f64) -> bool {
    let all = duration.saturating_sub(END.min(duration / PARTS));
    // A length times a share is no exact number: half a microsecond must not count.
    let needed = duration.mul_f64(share.clamp(0.0, 1.0)).min(all).as_micros();
    !duration.is_zero() && seen.as_micros() >= needed
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[test]
    fn nine_tenths_of_a_lecture_of_any_length_complete_it_and_a_millisecond_less_does_not() {
        for seconds in 1..=7_200 {
            let (length, seen) = (ms(seconds * 1_000), ms(seconds * 900));
            assert!(is_enough(seen, length, 0.9), "{seconds}");
            assert!(!is_enough(seen - ms(1), length, 0.9), "{seconds}");
        }
    }

    #[test]
    fn a_whole_lecture_is_completed_without_its_last_pictures() {
        let hour = ms(3_600_000);
        assert!(is_enough(hour - ms(500), hour, 1.0) && !is_enough(hour - ms(501), hour, 1.0));
        assert!(is_enough(ms(11_880), ms(12_000), 1.0) && !is_enough(ms(11_879), ms(12_000), 1.0));
        assert!(is_enough(hour + hour, hour, 1.0), "a source that was longer before");
    }

    #[test]
    fn a_lecture_without_a_length_is_never_completed() {
        assert!(!is_enough(Duration::ZERO, Duration::ZERO, 0.9) && !is_enough(ms(9), Duration::ZERO, 0.1));
        assert!(!is_enough(Duration::ZERO, ms(1_000), 0.1));
    }
}
