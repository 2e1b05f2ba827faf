//! How long a role that fails is left alone, and how often it is asked twice.

use std::time::{Duration, Instant};

/// So many failures in a row, and a role is left alone.
const FAILURES: u32 = 5;
/// For so long; then one question tries whether it is back.
const ALONE: Duration = Duration::from_secs(1);

/// Each question earns this part of a retry.
const EARNED: f64 = 0.1;
/// So many retries can be saved up: a tenth of what a role is asked in a minute would be more only if it is asked often.
const SAVED: f64 = 10.0;
/// Retries that are earned in a minute without any question, so that a role that is asked seldom is asked twice, too.
const EARNED_A_MINUTE: f64 = 3.0;

/// Leaves a role alone that fails again and again (a circuit breaker).
#[derive(Debug, Default)]
pub(super) struct Breaker {
    failures: u32,
    alone_until: Option<Instant>,
}

impl Breaker {
    /// Whether a question may be asked now. After a pause, one question in each pause may.
    pub(super) fn admits(&mut self, now: Instant) -> bool {
        match self.alone_until {
            Some(until) if now < until => false,
            Some(_) => {
                self.alone_until = Some(now + ALONE);
                true
            }
            None => true,
        }
    }

    /// A question was answered.
    pub(super) fn answered(&mut self) {
        *self = Self::default();
    }

    /// A question was not answered.
    pub(super) fn failed(&mut self, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        if self.failures >= FAILURES {
            self.alone_until = Some(now + ALONE);
        }
    }

    /// Whether the role is left alone.
    pub(super) const fn is_open(&self) -> bool {
        self.alone_until.is_some()
    }
}

/// How many more questions may be asked twice: about a tenth of all, so that retries never double the load of a role that
/// can't keep up.
#[derive(Debug)]
pub(super) struct RetryBudget {
    retries: f64,
    counted: Instant,
}

impl RetryBudget {
    /// A budget for a few retries.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            retries: EARNED_A_MINUTE,
            counted: now,
        }
    }

    /// A question is asked for the first time.
    pub(super) fn earn(&mut self, now: Instant) {
        let minutes = now.saturating_duration_since(self.counted).as_secs_f64() / 60.0;
        self.counted = now;
        self.retries = (self.retries + EARNED + minutes * EARNED_A_MINUTE).min(SAVED);
    }

    /// Takes a retry, if there is one.
    pub(super) fn take(&mut self) -> bool {
        let is_left = self.retries >= 1.0;
        if is_left {
            self.retries -= 1.0;
        }
        is_left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_that_fails_is_left_alone_and_tried_once_in_each_pause() {
        let (mut breaker, begin) = (Breaker::default(), Instant::now());
        for _ in 0..FAILURES {
            assert!(breaker.admits(begin) && !breaker.is_open());
            breaker.failed(begin);
        }
        assert!(breaker.is_open() && !breaker.admits(begin) && !breaker.admits(begin + ALONE / 2));
        let back = begin + ALONE;
        assert!(breaker.admits(back));
        assert!(!breaker.admits(back), "one question tries it");
        breaker.failed(back);
        assert!(!breaker.admits(back + ALONE / 2));
        assert!(breaker.admits(back + ALONE));
        breaker.answered();
        assert!(!breaker.is_open() && breaker.admits(back + ALONE));
        breaker.failed(back + ALONE);
        assert!(breaker.admits(back + ALONE), "the count begins anew");
    }

    #[test]
    fn a_tenth_of_the_questions_is_asked_twice_and_a_few_where_there_are_few() {
        let begin = Instant::now();
        let mut busy = RetryBudget::new(begin);
        let twice = (0..10_000).filter(|_| {
            busy.earn(begin);
            busy.take()
        });
        assert!((1_000..=1_004).contains(&twice.count()));
        let mut idle = RetryBudget::new(begin);
        assert_eq!((0..10).filter(|_| idle.take()).count(), 3);
        idle.earn(begin + Duration::from_secs(40));
        assert_eq!((0..10).filter(|_| idle.take()).count(), 2);
        idle.earn(begin + Duration::from_secs(24 * 3_600));
        assert_eq!((0..100).filter(|_| idle.take()).count(), 10);
    }
}
