//! How far somebody has watched a lecture.

use super::seen::{Interval, clamped};
use std::time::Duration;

/// What a player reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Where it is.
    ///
    /// Units: microseconds
    pub position_us: i64,
    /// What it has shown since its last report, in any order.
    pub intervals: Vec<Interval>,
}

/// Why a report is no report: the field and what is wrong with it.
pub type BadReport = (&'static str, &'static str);

/// What is known of one user and one lecture; nothing watched by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// Where the last report was.
    ///
    /// Units: microseconds
    pub position_us: i64,
    /// How much was seen; what was seen twice counts once.
    ///
    /// Units: microseconds
    pub seen_us: i64,
    /// Whether so much was seen that it counts as completed, once and for all.
    pub is_completed: bool,
}

/// How many intervals one report has at most.
const MOST_SENT: usize = 100;

impl Report {
    /// Reads what a player sent, in seconds.
    ///
    /// Errors: what is wrong with it
    pub fn read(position: f64, intervals: &[Vec<f64>]) -> Result<Self, BadReport> {
        let time = "must be a time in seconds, 0 or more";
        let position_us = micros(position).ok_or(("position", time))?;
        if intervals.len() > MOST_SENT {
            return Err(("intervals", "must be at most 100"));
        }
        let read = |interval: &Vec<f64>| {
            let &[from, to] = interval.as_slice() else {
                return Err(("intervals", "must be pairs of times"));
            };
            let (from, to) = (micros(from), micros(to));
            let (from, to) = from.zip(to).ok_or(("intervals", time))?;
            if from > to {
                return Err(("intervals", "must not end before they begin"));
            }
            Ok((from, to))
        };
        let intervals = intervals.iter().map(read).collect::<Result<_, _>>()?;
        Ok(Self { position_us, intervals })
    }

    /// The part of the report that lies in a lecture of this length; nothing while the length is unknown.
    #[must_use]
    pub fn within(&self, duration_us: Option<i64>) -> Self {
        let Some(end) = duration_us else {
            return Self {
                position_us: 0,
                intervals: Vec::new(),
            };
        };
        Self {
            position_us: self.position_us.min(end),
            intervals: clamped(&self.intervals, end),
        }
    }
}

/// Microseconds of a time in seconds; none if it is negative, not finite, or too long to be one.
fn micros(seconds: f64) -> Option<i64> {
    let time = Duration::try_from_secs_f64(seconds).ok()?;
    i64::try_from(time.as_micros()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_finite_and_not_negative() {
        for bad in [-0.001, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300] {
            assert_eq!(Report::read(bad, &[]).unwrap_err().0, "position", "{bad}");
            assert_eq!(
                Report::read(0.0, &[vec![bad, 1.0]]).unwrap_err().0,
                "intervals",
                "{bad}"
            );
            assert_eq!(
                Report::read(0.0, &[vec![0.0, bad]]).unwrap_err().0,
                "intervals",
                "{bad}"
            );
        }
        assert_eq!(Report::read(0.0, &[vec![2.0, 1.0]]).unwrap_err().0, "intervals");
        assert_eq!(
            Report::read(0.0, &vec![vec![1.0, 2.0]; 101]).unwrap_err().0,
            "intervals"
        );
        for wrong in [vec![], vec![1.0], vec![1.0, 2.0, 3.0]] {
            assert_eq!(Report::read(0.0, &[wrong]).unwrap_err().0, "intervals");
        }
        let read = Report::read(1.5, &[vec![0.0, 1.5], vec![3.0, 3.0]]).unwrap();
        assert_eq!(read.position_us, 1_500_000);
        assert_eq!(read.intervals, [(0, 1_500_000), (3_000_000, 3_000_000)]);
    }

    #[test]
    fn a_report_ends_with_its_lecture() {
        let report = Report::read(90.0, &[vec![10.0, 20.0], vec![50.0, 90.0], vec![70.0, 80.0]]).unwrap();
        let within = report.within(Some(60_000_000));
        assert_eq!(within.position_us, 60_000_000);
        assert_eq!(within.intervals, [(10_000_000, 20_000_000), (50_000_000, 60_000_000)]);
        let nothing = report.within(None);
        assert_eq!((nothing.position_us, nothing.intervals), (0, Vec::new()));
    }
}
