//! What a rendition's playlist must know of its finished segments.

use super::made::{InitState, SegmentState};
use hls::{LivePart, LiveSegment, LiveWhole};
use std::collections::VecDeque;

/// How many finished segments list their parts: with the open one, no more than three target durations.
const WITH_PARTS: usize = 2;

/// The finished segments of a rendition, and their lines.
#[derive(Debug, Default)]
pub(super) struct History {
    segments: Vec<SegmentState>,
    inits: Vec<InitState>,
    /// The lines of all segments, without parts.
    lines: String,
    /// Where the lines of each segment begin.
    places: Vec<usize>,
    recent: VecDeque<Vec<LivePart>>,
    rates: Rates,
}

/// Sums over the segments that have media.
#[derive(Debug, Default)]
struct Rates {
    peak: u64,
    bytes: u64,
    micros: u64,
    frames: u64,
}

impl History {
    /// The history of segments that are stored.
    pub(super) fn restored(inits: Vec<InitState>, segments: Vec<SegmentState>) -> Self {
        let mut history = Self {
            inits,
            ..Self::default()
        };
        for segment in segments {
            history.push(segment, Vec::new());
        }
        history
    }

    pub(super) fn push(&mut self, segment: SegmentState, parts: Vec<LivePart>) {
        self.places.push(self.lines.len());
        let lines = Self::lines_of(self.segments.last(), &segment, &[]);
        self.lines.push_str(&lines);
        if !segment.is_gap() {
            self.rates.add(&segment);
        }
        self.segments.push(segment);
        self.recent.push_back(parts);
        while self.recent.len() > WITH_PARTS {
            self.recent.pop_front();
        }
    }

    /// Makes a gap of a segment, whose file will not be there.
    pub(super) fn lose(&mut self, sequence: u32) {
        let Ok(place) = self.segments.binary_search_by_key(&sequence, |it| it.sequence) else {
            return;
        };
        let Some(segment) = self.segments.get_mut(place) else {
            return;
        };
        segment.bytes = 0;
        segment.frames = 0;
        let segment = *segment;
        let previous = place.checked_sub(1).and_then(|before| self.segments.get(before));
        let lines = Self::lines_of(previous, &segment, &[]);
        let begin = self.places.get(place).copied().unwrap_or(self.lines.len());
        let end = self.places.get(place + 1).copied().unwrap_or(self.lines.len());
        let longer = lines.len().saturating_sub(end.saturating_sub(begin));
        self.lines.replace_range(begin..end, &lines);
        for later in self.places.iter_mut().skip(place + 1) {
            *later += longer;
        }
    }

    pub(super) fn add_init(&mut self, init: InitState) {
        self.inits.push(init);
    }

    fn lines_of(previous: Option<&SegmentState>, segment: &SegmentState, parts: &[LivePart]) -> String {
        let uri = format!("{}.m4s", segment.sequence);
        let init = Self::init_uri(previous, segment.init);
        LiveSegment {
            discontinuity: previous.is_some_and(|previous| previous.discontinuities != segment.discontinuities),
            init: init.as_deref(),
            programme_time: segment.programme_time,
            parts,
            whole: Some(LiveWhole {
                uri: &uri,
                duration: segment.duration,
                gap: segment.is_gap(),
            }),
        }
        .to_string()
    }

    /// The URI of an init segment, if it is another than the previous segment's.
    pub(super) fn init_uri(previous: Option<&SegmentState>, init: u32) -> Option<String> {
        let same = previous.is_some_and(|previous| previous.init == init);
        (!same).then(|| format!("init-{init}.mp4"))
    }

    /// Writes the lines of all segments from a place on.
    pub(super) fn write(&self, from: usize, with_parts: bool, out: &mut String) {
        let count = self.segments.len();
        let plain = if with_parts {
            count.saturating_sub(self.recent.len()).max(from)
        } else {
            count
        };
        let start = self.places.get(from).copied().unwrap_or(self.lines.len());
        let end = self.places.get(plain).copied().unwrap_or(self.lines.len());
        out.push_str(self.lines.get(start..end).unwrap_or_default());
        let offset = count.saturating_sub(self.recent.len());
        for place in plain..count {
            let parts = self.recent.get(place.saturating_sub(offset));
            if let (Some(segment), Some(parts)) = (self.segments.get(place), parts) {
                let previous = place.checked_sub(1).and_then(|place| self.segments.get(place));
                out.push_str(&Self::lines_of(previous, segment, parts));
            }
        }
    }

    /// How many segments may be left out, so that the others are at least `least` long.
    /// Units: microseconds
    pub(super) fn skippable(&self, least: u64) -> usize {
        let mut kept = 0_u64;
        for (place, segment) in self.segments.iter().enumerate().rev() {
            kept = kept.saturating_add(segment.duration);
            if kept >= least {
                return place;
            }
        }
        0
    }

    pub(super) fn segments(&self) -> &[SegmentState] {
        &self.segments
    }

    pub(super) fn inits(&self) -> &[InitState] {
        &self.inits
    }

    /// The newest init segment.
    pub(super) fn init(&self) -> Option<&InitState> {
        self.inits.last()
    }

    /// Where the last segment ends on the lecture's timeline.
    pub(super) fn end(&self) -> Option<u64> {
        let last = self.segments.last()?;
        Some(last.start.saturating_add(last.duration))
    }

    pub(super) fn next_sequence(&self) -> u32 {
        self.segments.last().map_or(0, |last| last.sequence.saturating_add(1))
    }

    /// How many parts the last segment lists.
    pub(super) fn last_parts(&self) -> usize {
        self.recent.back().map_or(0, Vec::len)
    }

    /// The rate of the segment with the highest one and the average, in bits per second.
    pub(super) fn bit_rates(&self) -> Option<(u64, u64)> {
        let average = rate(self.rates.bytes, self.rates.micros)?;
        Some((self.rates.peak.max(average), average))
    }

    /// Frames per second of what has media.
    pub(super) fn frame_rate(&self) -> Option<f64> {
        let micros = self.rates.micros;
        let thousandths = self
            .rates
            .frames
            .saturating_mul(1_000_000_000)
            .saturating_add(micros / 2);
        let thousandths = u32::try_from(thousandths.checked_div(micros)?).ok()?;
        Some(f64::from(thousandths) / 1000.0)
    }
}

impl Rates {
    fn add(&mut self, segment: &SegmentState) {
        self.bytes = self.bytes.saturating_add(segment.bytes);
        self.micros = self.micros.saturating_add(segment.duration);
        self.frames = self.frames.saturating_add(segment.frames.into());
        // The rate of a very short segment says little: it is mostly its key frame.
        if segment.duration >= 1_000_000 {
            self.peak = self.peak.max(rate(segment.bytes, segment.duration).unwrap_or(0));
        }
    }
}

/// Bits per second.
pub(super) fn rate(bytes: u64, micros: u64) -> Option<u64> {
    bytes.saturating_mul(8_000_000).checked_div(micros)
}
