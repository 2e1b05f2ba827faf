//! Cuts the samples of a segment into parts.
//!
//! A part ends before the frame that would cross the part target, and every part but a segment's last has at least 85 % of
//! it. Frames come when they come, so that sometimes no frame ends in between. Samples keep their true times then; what the
//! playlist says of the part is cut at the target, and the rest is counted to the following parts.
//!
//! Source: draft-pantos-hls-rfc8216bis, §4.4.4.9

use fmp4::LiveSample;

/// Cuts parts.
///
/// Units: ticks of the track
#[derive(Debug, Default)]
pub(super) struct Cutter {
    target: u64,
    /// The shortest part that isn't a segment's last.
    least: u64,
    samples: Vec<LiveSample>,
    /// Where the samples begin and end.
    start: u64,
    end: u64,
    /// Where the part begins by the playlist: never later than `start`.
    listed: u64,
}

/// The samples of one part.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cut {
    pub(super) decode_time: u64,
    /// Its length in the playlist.
    pub(super) length: u64,
    pub(super) samples: Vec<LiveSample>,
}

impl Cutter {
    /// Begins a segment.
    pub(super) fn begin(&mut self, at: u64, target: u64) {
        // A little more than 85 %, because playlists round.
        self.least = target * 86 / 100;
        self.target = target;
        self.start = at;
        self.end = at;
        self.listed = at;
        self.samples.clear();
    }

    /// Adds a sample, which may end the part before it and its own.
    pub(super) fn push(&mut self, sample: LiveSample) -> [Option<Cut>; 2] {
        let length = u64::from(sample.duration);
        let end = self.end.saturating_add(length);
        let crosses = end.saturating_sub(self.listed) > self.target;
        let enough = self.end.saturating_sub(self.listed) >= self.least;
        let before = if crosses && enough { self.finish() } else { None };
        self.samples.push(sample);
        self.end = end;
        let listed = end.saturating_sub(self.listed);
        let full = listed >= self.least && listed.saturating_add(length) > self.target;
        let own = if full { self.finish() } else { None };
        [before, own]
    }

    /// Ends the part here; `None` if it is empty.
    pub(super) fn finish(&mut self) -> Option<Cut> {
        if self.samples.is_empty() {
            return None;
        }
        let length = self.end.saturating_sub(self.listed).clamp(1, self.target.max(1));
        let cut = Cut {
            decode_time: self.start,
            length,
            samples: std::mem::take(&mut self.samples),
        };
        self.start = self.end;
        self.listed = self.listed.saturating_add(length);
        Some(cut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use proptest::prelude::*;

    fn sample(duration: u32) -> LiveSample {
        LiveSample {
            duration,
            offset: 0,
            key: false,
            data: Bytes::new(),
        }
    }

    /// Lengths in the playlist and counts of samples.
    fn cut(target: u64, durations: &[u32]) -> Vec<(u64, usize)> {
        let mut cutter = Cutter::default();
        cutter.begin(1000, target);
        let mut cuts: Vec<Cut> = durations
            .iter()
            .flat_map(|&d| cutter.push(sample(d)))
            .flatten()
            .collect();
        cuts.extend(cutter.finish());
        let samples: usize = cuts.iter().map(|cut| cut.samples.len()).sum();
        assert_eq!(samples, durations.len());
        cuts.iter().map(|cut| (cut.length, cut.samples.len())).collect()
    }

    #[test]
    fn regular_frames_fill_parts() {
        assert_eq!(cut(30_000, &[3_000; 25]), [(30_000, 10), (30_000, 10), (15_000, 5)]);
        assert_eq!(cut(30_000, &[6_000; 7]), [(30_000, 5), (12_000, 2)]);
        assert_eq!(cut(30_000, &[3_600; 9]), [(28_800, 8), (3_600, 1)]);
        assert_eq!(cut(16_000, &[960; 20]), [(15_360, 16), (3_840, 4)]);
    }

    #[test]
    fn a_late_frame_is_counted_to_the_next_parts() {
        // Frames of 0.2 s in parts of 0.333 s.
        assert_eq!(
            cut(30_000, &[18_000; 6]),
            [(30_000, 2), (30_000, 2), (30_000, 1), (18_000, 1)]
        );
        assert_eq!(
            cut(30_000, &[3_000, 70_000, 3_000, 3_000, 3_000]),
            [(30_000, 2), (30_000, 1), (22_000, 2)]
        );
    }

    proptest! {
        #[test]
        fn all_parts_but_the_last_keep_the_rule(durations in prop::collection::vec(1..45_000_u32, 1..200)) {
            let cuts = cut(30_000, &durations);
            prop_assert!(cuts.iter().all(|&(length, count)| length <= 30_000 && length > 0 && count > 0));
            let (_, others) = cuts.split_last().unwrap();
            prop_assert!(others.iter().all(|&(length, _)| length >= 25_800));
        }
    }
}
