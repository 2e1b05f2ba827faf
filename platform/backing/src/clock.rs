//! The time: the machine's clock, or one that a test moves.

use contracts::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

/// A source of time; clones of a fixed clock move together.
#[derive(Debug, Clone, Default)]
pub struct Clock(Source);

#[derive(Debug, Clone, Default)]
enum Source {
    #[default]
    System,
    Fixed(Arc<AtomicI64>),
}

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stays at `moment` until it is advanced.
    #[must_use]
    pub fn fixed(moment: Timestamp) -> Self {
        Self(Source::Fixed(Arc::new(AtomicI64::new(moment.0))))
    }

    /// The current time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System => Timestamp::default() + UNIX_EPOCH.elapsed().unwrap_or_default(),
            Source::Fixed(moment) => Timestamp(moment.load(Ordering::SeqCst)),
        }
    }

    /// Moves a fixed clock forward; has no effect on the machine's clock.
    pub fn advance(&self, span: Duration) {
        if let Source::Fixed(moment) = &self.0 {
            let micros = i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
            moment.fetch_add(micros, Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixed_clock_and_its_clones_move_only_when_advanced() {
        let clock = Clock::fixed(Timestamp::from_seconds(10));
        let same = clock.clone();
        clock.advance(Duration::from_secs(5));
        assert_eq!(same.now(), Timestamp::from_seconds(15));
    }

    #[test]
    fn the_system_clock_is_later_than_this_test() {
        assert!(Clock::system().now() > Timestamp::from_seconds(1_750_000_000));
    }
}
