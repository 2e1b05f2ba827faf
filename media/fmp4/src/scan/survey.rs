//! Summarises a track: its length, its size, and where it might be cut.

use super::TARGET_SECONDS;
use crate::error::ScanError;
use crate::samples::{Packed, Sample, Samples};

/// The limit of a lecture's length; longer files are broken.
const MAX_SECONDS: u64 = 12 * 3600;
/// The first packet of a sound primes the decoder. Writers without negative times make it longer, by the delay of reordered
/// frames: by this part of a second at most.
const FIRST_PART: u32 = 4;
/// The number of key frames above which only those at cuts are checked. Any three cuts in a row span more than six
/// seconds, so that twelve hours never need more.
pub(super) const MAX_CHECKED: usize = 16_384;

/// A sample at which a segment might start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) index: u64,
    /// When it is shown, in ticks of the media.
    pub(crate) shown: i64,
    pub(crate) offset: u64,
    pub(crate) size: u32,
}

/// A track with the summary of its samples.
pub(super) struct Surveyed {
    pub(super) index: usize,
    pub(super) packed: Packed,
    pub(super) survey: SampleSummary,
}

/// The summary of a track's samples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SampleSummary {
    pub(crate) count: u64,
    pub(crate) bytes: u64,
    /// When the first sample is shown, when the last one starts to be shown, and when it ends.
    pub(crate) first: i64,
    pub(crate) last: i64,
    pub(crate) end: i64,
    /// The lowest composition offset if it is negative, otherwise 0.
    pub(crate) lowest: i32,
    /// How far samples of the same length deviate from lying back to back; 0 if their length is not known.
    pub(crate) wander: u64,
    /// The samples that the file calls key frames or, if there are too many, those at cuts.
    pub(crate) candidates: Vec<Candidate>,
}

impl SampleSummary {
    /// Summarises every sample; `None` if there are none.
    ///
    /// Shape: `length` of each sample in ticks, as a fraction, where all are to have the same
    pub(crate) fn of(
        mut samples: Samples<'_>,
        (timescale, length): (u32, Option<(u64, u64)>),
        file: u64,
    ) -> Result<Option<Self>, ScanError> {
        let mut survey = Self {
            count: 0,
            bytes: 0,
            first: i64::MAX,
            last: i64::MIN,
            end: i64::MIN,
            lowest: 0,
            wander: 0,
            candidates: vec![],
        };
        let mut steps = length.map(|length| Steps::of(length, timescale));
        let mut planned = Planner::new(timescale);
        while let Some((decoded, sample)) = samples.next()? {
            let shown = survey.add(decoded, &sample, file)?;
            if let Some(steps) = &mut steps {
                steps.add(shown);
            }
            if sample.sync {
                let index = survey.count - 1;
                let candidate = Candidate {
                    index,
                    shown,
                    offset: sample.offset,
                    size: sample.size,
                };
                if survey.candidates.len() <= MAX_CHECKED {
                    survey.candidates.push(candidate);
                }
                planned.add(candidate);
            }
        }
        if survey.count == 0 {
            return Ok(None);
        }
        survey.wander = steps.map_or(0, |steps| steps.wander());
        if survey.candidates.len() > MAX_CHECKED {
            survey.candidates = planned.finish(survey.end);
        }
        let length = survey
            .end
            .checked_sub(survey.first)
            .and_then(|length| u64::try_from(length).ok());
        match length {
            Some(length) if length / u64::from(timescale.max(1)) < MAX_SECONDS => Ok(Some(survey)),
            _ => Err(ScanError::Limits("longer than 12 hours")),
        }
    }

    fn add(&mut self, decoded: i64, sample: &Sample, file: u64) -> Result<i64, ScanError> {
        let wrong = ScanError::Malformed("times are out of range");
        if sample.end().is_none_or(|end| end > file) {
            return Err(ScanError::Truncated("it describes more media than it contains"));
        }
        let shown = decoded.checked_add(sample.composition.into()).ok_or(wrong)?;
        let end = shown.checked_add(sample.duration.into()).ok_or(wrong)?;
        self.count += 1;
        self.bytes = self.bytes.saturating_add(sample.size.into());
        self.lowest = self.lowest.min(sample.composition);
        self.first = self.first.min(shown);
        self.last = self.last.max(shown);
        self.end = self.end.max(end);
        Ok(shown)
    }

    /// The duration in ticks.
    pub(crate) fn length(&self) -> u64 {
        u64::try_from(self.end.saturating_sub(self.first)).unwrap_or(0)
    }
}

/// Follows samples of the same length, which lie back to back if each begins where the one before it ends.
struct Steps {
    /// The length of a sample in ticks, as a fraction.
    length: (i128, i128),
    /// How much longer or shorter the first one may be, in the same unit as `late`.
    first: i128,
    count: i128,
    /// The least and the most that a sample is late, in ticks times the fraction's denominator.
    late: Option<(i128, i128)>,
}

impl Steps {
    fn of((ticks, parts): (u64, u64), timescale: u32) -> Self {
        let length = (i128::from(ticks), i128::from(parts.max(1)));
        Self {
            length,
            first: length.1 * i128::from(timescale / FIRST_PART),
            count: 0,
            late: None,
        }
    }

    fn add(&mut self, shown: i64) {
        let (ticks, parts) = self.length;
        let late = i128::from(shown) * parts - self.count * ticks;
        let range = match self.late {
            Some((first, _)) if self.count == 1 && (late - first).abs() <= self.first => (late, late),
            Some((least, most)) => (least.min(late), most.max(late)),
            None => (late, late),
        };
        self.late = Some(range);
        self.count += 1;
    }

    /// Units: ticks
    fn wander(&self) -> u64 {
        let range = self.late.map_or(0, |(least, most)| (most - least) / self.length.1);
        u64::try_from(range).unwrap_or(u64::MAX)
    }
}

/// Chooses cuts among ordered candidates: each segment has as many whole groups of pictures as fit the target, at least one.
pub(super) struct Planner {
    target: i64,
    cuts: Vec<Candidate>,
    last: Option<Candidate>,
}

impl Planner {
    pub(super) fn new(timescale: u32) -> Self {
        Self {
            target: i64::from(timescale).saturating_mul(TARGET_SECONDS),
            cuts: Vec::new(),
            last: None,
        }
    }

    pub(super) fn add(&mut self, candidate: Candidate) {
        let Some(cut) = self.cuts.last() else {
            return self.cuts.push(candidate);
        };
        let limit = cut.shown.saturating_add(self.target);
        if candidate.shown > limit {
            // The previous candidate is the last within the target; without one, the group itself is longer.
            let next = self.last.take().unwrap_or(candidate);
            self.cuts.push(next);
            if next != candidate {
                self.add(candidate);
            }
        } else {
            self.last = Some(candidate);
        }
    }

    /// Ends the track at `end`, after the last candidate.
    pub(super) fn finish(mut self, end: i64) -> Vec<Candidate> {
        let late = self
            .cuts
            .last()
            .is_some_and(|cut| end > cut.shown.saturating_add(self.target));
        self.cuts.extend(self.last.filter(|_| late));
        self.cuts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cuts(seconds: &[i64], end: i64) -> Vec<i64> {
        let mut planner = Planner::new(10);
        for (index, &second) in (0..).zip(seconds) {
            planner.add(Candidate {
                index,
                shown: second * 10,
                offset: 0,
                size: 0,
            });
        }
        planner.finish(end * 10).iter().map(|cut| cut.shown / 10).collect()
    }

    #[test]
    fn segments_are_whole_groups_up_to_the_target() {
        assert_eq!(cuts(&[0, 2, 4, 6, 8, 10, 12, 14], 16), [0, 6, 12]);
        assert_eq!(cuts(&[0, 2, 4, 6], 8), [0, 6]);
        assert_eq!(cuts(&[0, 2, 4], 6), [0]);
        assert_eq!(cuts(&[0, 4, 8, 12], 13), [0, 4, 8]);
        assert_eq!(cuts(&[0, 9, 18, 19, 27], 30), [0, 9, 18, 19, 27]);
        assert_eq!(cuts(&[0, 1, 20], 21), [0, 1, 20]);
        assert_eq!(cuts(&[], 0), [0; 0]);
    }
}
