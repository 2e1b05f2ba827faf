//! One rendition: from timed frames to parts and segments.

use super::clock::{self, Epoch};
use super::history::History;
use super::made::{InitState, Made, MadePart, SegmentState, Targets};
use super::parts::{Cut, Cutter};
use super::rendition::Rendition;
use super::sound;
use crate::frame::Format;
use bytes::Bytes;
use fmp4::{LiveSample, LiveTrack, PieceError};
use hls::LivePart;
use std::sync::Arc;

/// What a stream must know of the lecture.
pub(super) struct Context<'a> {
    pub(super) targets: Targets,
    pub(super) epoch: Epoch,
    /// How many discontinuities the lecture has had.
    pub(super) discontinuities: u32,
    /// Where the newest segment of a picture begins.
    pub(super) boundary: Option<u64>,
    pub(super) out: &'a mut Vec<Made>,
}

/// A frame with its place on the track's timeline; its duration is known when the next one comes.
#[derive(Debug)]
pub(super) struct Sample {
    /// Ticks.
    pub(super) at: u64,
    pub(super) offset: i32,
    pub(super) key: bool,
    pub(super) data: Bytes,
}

/// The segment that is being made.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) sequence: u32,
    /// Where it begins on the lecture's timeline.
    pub(super) start: u64,
    pub(super) programme_time: i64,
    pub(super) discontinuities: u32,
    pub(super) init: u32,
    pub(super) parts: Vec<LivePart>,
    bytes: u64,
    frames: u32,
    shown_after: u64,
    independent: bool,
}

impl Open {
    /// How much of it is listed.
    pub(super) fn listed(&self) -> u64 {
        self.parts.iter().map(|part| part.duration).sum()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// A rendition that is being made.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) rendition: Rendition,
    pub(super) format: Option<Arc<Format>>,
    /// Whether nobody could play its format.
    pub(super) refused: bool,
    timescale: u32,
    pending: Option<Sample>,
    /// The end of what was packed, in ticks.
    end: u64,
    /// The last duration, for frames that no other follows.
    usual: u32,
    cutter: Cutter,
    open: Option<Open>,
    history: History,
    made_parts: u32,
    /// The number of the discontinuity that its newest segment follows.
    pub(super) discontinuities: u32,
    /// Whether all segments began with a key frame.
    pub(super) independent: bool,
    /// When its newest frame came, on the lecture's timeline; silence doesn't count.
    pub(super) newest: Option<u64>,
    /// When the publisher was last asked for a key frame.
    pub(super) asked: Option<i64>,
}

impl Stream {
    pub(super) fn new(rendition: Rendition, discontinuities: u32, history: History) -> Self {
        let independent = history.segments().iter().all(|segment| segment.independent);
        Self {
            rendition,
            format: None,
            refused: false,
            timescale: 1,
            pending: None,
            end: 0,
            usual: 0,
            cutter: Cutter::default(),
            open: None,
            history,
            made_parts: 0,
            discontinuities,
            independent,
            newest: None,
            asked: None,
        }
    }

    pub(super) fn history(&self) -> &History {
        &self.history
    }

    /// Makes a gap of a segment, whose file will not be there.
    pub(super) fn lose(&mut self, sequence: u32) {
        self.history.lose(sequence);
    }

    pub(super) fn open(&self) -> Option<&Open> {
        self.open.as_ref()
    }

    /// Whether it has anything to list.
    pub(super) fn is_listed(&self) -> bool {
        !self.history.segments().is_empty() || self.open.as_ref().is_some_and(|open| !open.parts.is_empty())
    }

    /// How long the open segment is at a place of the lecture.
    pub(super) fn age(&self, at: u64) -> Option<u64> {
        self.open.as_ref().map(|open| at.saturating_sub(open.start))
    }

    /// Where the next frame is expected, on the lecture's timeline.
    pub(super) fn reached(&self) -> Option<u64> {
        match &self.pending {
            Some(pending) => Some(clock::micros(pending.at, self.timescale)),
            None => self.history.end(),
        }
    }

    /// Ends the open segment where a frame of another format begins.
    pub(super) fn end_before(&mut self, at: u64, timescale: u32, context: &mut Context<'_>) {
        let end = if timescale == self.timescale {
            at
        } else {
            clock::ticks(clock::micros(at, timescale), self.timescale)
        };
        self.complete(end, context);
        self.finish(self.end, context);
    }

    /// Takes another format: makes its init segment.
    pub(super) fn set_format(&mut self, format: &Arc<Format>, out: &mut Vec<Made>) -> Result<(), PieceError> {
        self.format = Some(Arc::clone(format));
        let track = track(format);
        self.refused = track.is_err();
        let track = track?;
        if let Some(place) = self.history.end() {
            self.end = clock::ticks(place, track.timescale);
        }
        self.timescale = track.timescale;
        self.usual = match self.rendition {
            Rendition::Picture(_) => track.timescale / 30,
            _ => sound::length(format, &[]),
        };
        let init = InitState {
            number: self.history.init().map_or(0, |init| init.number.saturating_add(1)),
            codec: track.codec_string,
            width: track.width,
            height: track.height,
            channels: u8::try_from(track.channels).unwrap_or(u8::MAX),
            timescale: track.timescale,
        };
        self.history.add_init(init.clone());
        out.push(Made::Init {
            rendition: self.rendition,
            init,
            bytes: track.init.into(),
        });
        Ok(())
    }

    /// Whether silence in its format is known.
    pub(super) fn has_silence(&self) -> bool {
        self.format.as_deref().and_then(sound::silence).is_some()
    }

    /// The place of a frame behind those before it; `None` if it comes too late to be played.
    ///
    /// Packets of sound are as long as they are, but publishers round their times.
    pub(super) fn place(&self, raw: u64) -> Option<u64> {
        if self.rendition.is_picture() {
            let least = self
                .pending
                .as_ref()
                .map_or(self.end, |pending| pending.at.saturating_add(1));
            return Some(raw.max(least));
        }
        let format = self.format.as_ref()?;
        let expected = match &self.pending {
            Some(pending) => pending.at.saturating_add(sound::length(format, &pending.data).into()),
            None => self.end,
        };
        let (half, late) = (u64::from(self.usual / 2), u64::from(self.timescale / 10));
        if raw >= expected.saturating_add(half.max(1)) || self.pending.is_none() && raw >= expected {
            Some(raw)
        } else if raw.saturating_add(late) >= expected {
            Some(expected)
        } else {
            None
        }
    }

    /// Adds a frame of the present format, whose place is behind that of the frame before it.
    pub(super) fn push(&mut self, sample: Sample, context: &mut Context<'_>) {
        self.complete(sample.at, context);
        if self.ends_before(&sample, context) {
            self.finish(sample.at, context);
        }
        if self.open.is_none() {
            self.begin(&sample, context);
        }
        self.pending = Some(sample);
    }

    /// Whether the open segment ends where this frame begins.
    fn ends_before(&self, sample: &Sample, context: &Context<'_>) -> bool {
        let at = clock::micros(sample.at, self.timescale);
        let Some(age) = self.age(at).filter(|&age| age > 0) else {
            return false;
        };
        let changes = self.discontinuities != context.discontinuities;
        let longest = context.targets.longest();
        let usual = clock::length(self.usual.into(), self.timescale);
        if self.rendition.is_picture() {
            let due = age >= clock::SHORTEST || changes;
            return sample.key && due || age.saturating_add(usual) >= longest;
        }
        let start = at.saturating_sub(age);
        // Sound follows the picture, if there is one.
        let due = match context.boundary {
            Some(boundary) => {
                boundary > start.saturating_add(clock::SHORTEST / 2) && at.saturating_add(usual / 2) >= boundary
            }
            None => age.saturating_add(usual / 2) >= clock::SEGMENT,
        };
        due || changes || age.saturating_add(usual) >= longest
    }

    fn begin(&mut self, sample: &Sample, context: &Context<'_>) {
        let start = clock::micros(sample.at, self.timescale);
        self.discontinuities = context.discontinuities;
        self.independent &= sample.key;
        let target = clock::length_in_ticks(context.targets.part, self.timescale);
        self.cutter.begin(sample.at, target);
        self.open = Some(Open {
            sequence: self.history.next_sequence(),
            start,
            programme_time: context.epoch.programme_time(start),
            discontinuities: self.discontinuities,
            init: self.history.init().map_or(0, |init| init.number),
            parts: Vec::new(),
            bytes: 0,
            frames: 0,
            shown_after: clock::length(sample.offset.max(0).unsigned_abs().into(), self.timescale),
            independent: sample.key,
        });
    }

    /// The pending frame lasts until here.
    fn complete(&mut self, until: u64, context: &mut Context<'_>) {
        let Some(sample) = self.pending.take() else {
            return;
        };
        let duration = u32::try_from(until.saturating_sub(sample.at))
            .unwrap_or(u32::MAX)
            .max(1);
        let format = self.format.as_deref();
        self.usual = match format {
            Some(format) if !self.rendition.is_picture() => sound::length(format, &sample.data),
            _ => duration.min(self.timescale / 5),
        };
        self.end = until;
        let cuts = self.cutter.push(LiveSample {
            duration,
            offset: sample.offset,
            key: sample.key,
            data: sample.data,
        });
        for cut in cuts.into_iter().flatten() {
            self.make_part(&cut, context);
        }
    }

    fn make_part(&mut self, cut: &Cut, context: &mut Context<'_>) {
        let Some(open) = &mut self.open else {
            return;
        };
        self.made_parts = self.made_parts.wrapping_add(1);
        let picture = self.rendition.is_picture();
        let bytes = match fmp4::live_part(self.made_parts, cut.decode_time, picture, &cut.samples) {
            Ok(bytes) => bytes,
            Err(reason) => {
                let rendition = self.rendition;
                context.out.push(Made::Unplayable { rendition, reason });
                return;
            }
        };
        let part = u32::try_from(open.parts.len()).unwrap_or(u32::MAX);
        let duration = clock::length(cut.length, self.timescale).max(1);
        let independent = cut.samples.first().is_some_and(|first| first.key);
        open.parts.push(LivePart {
            uri: format!("{}-{part}.m4s", open.sequence),
            duration,
            independent,
        });
        open.bytes = open
            .bytes
            .saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        open.frames = open
            .frames
            .saturating_add(u32::try_from(cut.samples.len()).unwrap_or(u32::MAX));
        let start = clock::micros(cut.decode_time, self.timescale);
        context.out.push(Made::Part(MadePart {
            rendition: self.rendition,
            sequence: open.sequence,
            part,
            duration,
            programme_time: context.epoch.programme_time(start),
            independent,
            bytes,
        }));
    }

    /// Ends the open segment.
    fn finish(&mut self, end: u64, context: &mut Context<'_>) {
        if let Some(cut) = self.cutter.finish() {
            self.make_part(&cut, context);
        }
        let Some(open) = self.open.take() else {
            return;
        };
        let end = clock::micros(end, self.timescale);
        let segment = SegmentState {
            sequence: open.sequence,
            start: open.start,
            duration: end.saturating_sub(open.start).max(1),
            programme_time: open.programme_time,
            discontinuities: open.discontinuities,
            init: open.init,
            bytes: open.bytes,
            frames: open.frames,
            shown_after: open.shown_after,
            independent: open.independent,
        };
        self.history.push(segment, open.parts);
        context.out.push(Made::Segment {
            rendition: self.rendition,
            segment,
        });
    }

    /// Ends the open segment: no frame follows for now.
    pub(super) fn close(&mut self, context: &mut Context<'_>) {
        if let Some(pending) = &self.pending {
            let end = pending.at.saturating_add(self.usual.max(1).into());
            self.complete(end, context);
        }
        self.finish(self.end, context);
    }

    /// Adds segments without media up to a place of the lecture.
    pub(super) fn add_gap(&mut self, until: u64, context: &mut Context<'_>) {
        let Some(init) = self.history.init().map(|init| init.number) else {
            return;
        };
        while let Some(start) = self.history.end().filter(|&end| end < until) {
            let start = if self.discontinuities == context.discontinuities {
                start
            } else {
                start.max(context.epoch.from)
            };
            let rest = until.saturating_sub(start).max(1);
            let duration = if rest > clock::SEGMENT + clock::SEGMENT / 2 {
                clock::SEGMENT
            } else {
                rest
            };
            self.discontinuities = context.discontinuities;
            let segment = SegmentState {
                sequence: self.history.next_sequence(),
                start,
                duration,
                programme_time: context.epoch.programme_time(start),
                discontinuities: self.discontinuities,
                init,
                bytes: 0,
                frames: 0,
                shown_after: 0,
                independent: true,
            };
            self.history.push(segment, Vec::new());
            self.end = clock::ticks(start.saturating_add(duration), self.timescale);
            context.out.push(Made::Segment {
                rendition: self.rendition,
                segment,
            });
        }
    }

    /// Fills the time up to a place of the lecture with silence.
    pub(super) fn add_silence(&mut self, until: u64, context: &mut Context<'_>) {
        let Some(data) = self.format.as_deref().and_then(sound::silence) else {
            return;
        };
        let until = clock::ticks(until, self.timescale);
        let from = clock::ticks(context.epoch.from, self.timescale);
        while let Some(at) = self.place(self.end.max(from)).filter(|&at| at < until) {
            let (offset, key, data) = (0, true, data.clone());
            self.push(Sample { at, offset, key, data }, context);
        }
    }
}

fn track(format: &Format) -> Result<LiveTrack, PieceError> {
    let track = match format {
        Format::H264(sets) => LiveTrack::h264(&sets.sps, &sets.pps)?,
        Format::Opus { channels } => LiveTrack::opus(*channels),
        Format::Aac { config } => LiveTrack::aac(config)?,
    };
    if track.timescale == format.timescale() {
        Ok(track)
    } else {
        Err(PieceError::Format("of an unusual rate"))
    }
}
