//! An estimate of how long encoding will still take, once there is enough to base it on.

use contracts::Timestamp;
use std::time::Duration;

/// Below this share, an estimate would be a guess.
const TELLING: f64 = 0.02;
/// After this long without a report of an encoder, nothing is being encoded.
pub const QUIET: Duration = Duration::from_secs(60);
/// Longer pauses count as this long: the machine was off, or the work had failed.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// When encoders worked on a plan.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Activity {
    /// When its first encoder started.
    pub started_at: Option<Timestamp>,
    /// When pieces were published, the earliest first.
    pub published_at: Vec<Timestamp>,
    /// When a running encoder last reported its progress.
    pub reported_at: Option<Timestamp>,
}

impl Activity {
    /// How long the rest will take, extrapolated from the time for this share; none while no encoder works.
    ///
    /// Units: seconds
    pub fn time_left(&self, share: f64, now: Timestamp) -> Option<u32> {
        let last = self.published_at.last().copied().max(self.reported_at)?;
        if !(TELLING..1.0).contains(&share) || now.since(last) > QUIET {
            return None;
        }
        let left = self.worked(now)?.as_secs_f64() * (1.0 - share) / share;
        u32::try_from(Duration::try_from_secs_f64(left + 0.5).ok()?.as_secs()).ok()
    }

    /// How long encoders have worked on it.
    fn worked(&self, now: Timestamp) -> Option<Duration> {
        let mut before = self.started_at?;
        let mut worked = Duration::ZERO;
        for moment in self.published_at.iter().copied().chain([now]) {
            worked += moment.since(before).min(LONGEST_PAUSE);
            before = before.max(moment);
        }
        Some(worked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(1_800_000_000 + seconds)
    }

    fn activity(published: &[i64], reported: Option<i64>) -> Activity {
        Activity {
            started_at: Some(at(0)),
            published_at: published.iter().map(|&second| at(second)).collect(),
            reported_at: reported.map(at),
        }
    }

    #[test]
    fn what_is_left_takes_as_long_for_its_share_as_what_is_done() {
        let working = activity(&[20, 40], Some(59));
        assert_eq!(working.time_left(0.25, at(60)), Some(180));
        assert_eq!(working.time_left(0.9, at(60)), Some(7), "rounded");
    }

    #[test]
    fn there_is_no_estimate_from_too_little_or_when_all_is_done() {
        let working = activity(&[], Some(59));
        assert_eq!(working.time_left(0.019, at(60)), None);
        assert_eq!(working.time_left(0.02, at(60)), Some(2_940));
        assert_eq!(working.time_left(1.0, at(60)), None);
        assert_eq!(Activity::default().time_left(0.5, at(60)), None);
    }

    #[test]
    fn there_is_no_estimate_while_no_encoder_runs() {
        let working = activity(&[30], Some(20));
        assert!(working.time_left(0.5, at(90)).is_some());
        assert_eq!(working.time_left(0.5, at(91)), None);
    }

    #[test]
    fn a_night_in_which_the_machine_was_off_hardly_counts() {
        let night = 8 * 3_600;
        let working = activity(&[60, night, night + 60], None);
        assert_eq!(working.time_left(0.5, at(night + 60)), Some(60 + 300 + 60));
    }
}
