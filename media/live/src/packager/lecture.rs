//! A lecture in time: epochs, discontinuities, and renditions that have nothing.

use super::clock::{self, Epoch};
use super::history::History;
use super::hold::{Hold, Known};
use super::made::{Made, PackagerState, RenditionState, Settings, Targets};
use super::rendition::Rendition;
use super::stream::{Context, Sample, Stream};
use crate::frame::{Format, Frame};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A rendition that ends this much before others gets a gap.
/// Units: microseconds
const HOLE: u64 = 100_000;
/// The longest gap in the place of what was lost.
/// Units: microseconds
const MOST_LOST: u64 = 600_000_000;

/// No publisher's clock leaves out so much.
/// Units: microseconds
const JUMP: u64 = 10_000_000;
/// Sound that is missing for longer is filled with silence; lost packets, and those that an encoder leaves out, are not.
/// Units: microseconds
const SILENCE: u64 = 500_000;
/// Sound that is missing for longer is a gap.
/// Units: microseconds
const FILLED: u64 = 10_000_000;

/// The renditions of one lecture and its clock.
#[derive(Debug)]
pub(super) struct Lecture {
    pub(super) settings: Settings,
    pub(super) targets: Option<Targets>,
    /// Frames that wait for the next epoch.
    hold: Option<Hold>,
    epoch: Option<Epoch>,
    pub(super) streams: BTreeMap<Rendition, Stream>,
    discontinuities: u32,
    /// Where the newest segment of a picture begins.
    boundary: Option<u64>,
    /// Where the newest frame of any track is, and when it came.
    pub(super) newest: u64,
    newest_now: i64,
    /// Until when the last process made segments, in microseconds of UTC; those that are not known here may have been loaded
    /// under the next numbers.
    pub(super) lost_until: Option<i64>,
    pub(super) ended: bool,
}

impl Lecture {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            settings,
            targets: None,
            hold: Some(Hold::default()),
            epoch: None,
            streams: BTreeMap::new(),
            discontinuities: 0,
            boundary: None,
            newest: 0,
            newest_now: 0,
            lost_until: None,
            ended: false,
        }
    }

    pub(super) fn restore(settings: Settings, state: PackagerState) -> Self {
        let mut lecture = Self::new(settings);
        lecture.targets = Some(state.targets);
        lecture.lost_until = Some(i64::MIN);
        for RenditionState {
            rendition,
            inits,
            segments,
        } in state.renditions
        {
            let Some(last) = segments.last() else {
                continue;
            };
            let discontinuities = last.discontinuities;
            lecture.discontinuities = lecture.discontinuities.max(discontinuities);
            let history = History::restored(inits, segments);
            lecture
                .streams
                .insert(rendition, Stream::new(rendition, discontinuities, history));
        }
        lecture
    }

    pub(super) fn push(&mut self, frame: &Frame, now: i64) -> Vec<Made> {
        let mut out = Vec::new();
        if self.ended {
            return out;
        }
        let Some(hold) = &mut self.hold else {
            self.take(frame, now, &mut out);
            return out;
        };
        let missing = hold.push(frame, now);
        if self.settings.answers_requests {
            out.extend(missing.map(Made::KeyFrame));
        }
        self.begin_if_ready(now, &mut out);
        out
    }

    pub(super) fn tick(&mut self, now: i64) -> Vec<Made> {
        let mut out = Vec::new();
        if self.ended {
            return out;
        }
        if self.hold.is_some() {
            self.begin_if_ready(now, &mut out);
            return out;
        }
        let silent = u64::try_from(now.saturating_sub(self.newest_now)).unwrap_or(0);
        // A line that stalls for a moment should not tear the lecture: twice as long as one rendition may be absent.
        if self.targets.is_some_and(|targets| silent >= 2 * targets.patience()) {
            out.append(&mut self.interrupt());
            self.ask_all(now, &mut out);
        }
        out
    }

    pub(super) fn interrupt(&mut self) -> Vec<Made> {
        let mut out = Vec::new();
        self.begin(&mut out);
        if self.hold.is_none() {
            self.close_all(&mut out);
        }
        if !self.ended {
            self.hold = Some(Hold::default());
        }
        out
    }

    pub(super) fn end(&mut self) -> Vec<Made> {
        let mut out = Vec::new();
        // A lecture that was shorter than what is watched first is a lecture, too.
        self.begin(&mut out);
        self.close_all(&mut out);
        self.ended = true;
        self.hold = None;
        out
    }
}

/// Epochs.
impl Lecture {
    fn begin_if_ready(&mut self, now: i64, out: &mut Vec<Made>) {
        let known = Known {
            targets: self.targets,
            pictures: self.streams.keys().any(|rendition| rendition.is_picture()),
            answers: self.settings.answers_requests,
        };
        let ready = |hold: &Hold| hold.is_ready(known) || hold.is_overdue(now);
        if self.hold.as_ref().is_some_and(ready) {
            self.begin(out);
        }
    }

    /// Begins an epoch with the frames that are held.
    fn begin(&mut self, out: &mut Vec<Made>) {
        let Some(hold) = self.hold.take() else {
            return;
        };
        let Some((first, first_now)) = hold.first() else {
            self.hold = Some(hold);
            return;
        };
        let answers = self.settings.answers_requests;
        let targets = *self.targets.get_or_insert_with(|| hold.targets(answers));
        let end = self.streams.values().filter_map(|stream| stream.history().end()).max();
        if let Some(end) = end {
            self.fill_lost(end, targets, out);
            self.discontinuities = self.discontinuities.saturating_add(1);
        }
        let ends = self.streams.values().filter_map(|stream| stream.history().end());
        let from = ends.max().map_or(0, |end| end.saturating_add(1));
        self.epoch = Some(Epoch::new(from, first, first_now));
        self.newest = from;
        self.boundary = None;
        for stream in self.streams.values_mut() {
            stream.newest = None;
        }
        for (frame, now) in hold.into_frames() {
            // A clock that jumps among them begins another epoch.
            out.append(&mut self.push(&frame, now));
        }
    }

    /// Puts a gap in the place of segments that the last process made and that are not known: their numbers are used up. It is
    /// short if that was only the one that was being made.
    fn fill_lost(&mut self, end: u64, targets: Targets, out: &mut Vec<Made>) {
        let Some(lost_until) = self.lost_until.take() else {
            return;
        };
        let last = self
            .streams
            .values()
            .filter_map(|stream| stream.history().segments().last());
        let zero = last
            .map(|last| last.programme_time.saturating_sub_unsigned(last.start))
            .max()
            .unwrap_or(0);
        let reached = u64::try_from(lost_until.saturating_sub(zero)).unwrap_or(0);
        let lost = reached.saturating_sub(end).min(MOST_LOST);
        let gap = match lost >= 2 * clock::SEGMENT {
            true => lost.saturating_add(clock::SEGMENT),
            false => HOLE,
        };
        let mut context = Context {
            targets,
            epoch: Epoch::new(0, 0, zero),
            discontinuities: self.discontinuities,
            boundary: None,
            out,
        };
        for stream in self.streams.values_mut() {
            stream.add_gap(end.saturating_add(gap), &mut context);
        }
    }

    /// Ends all segments at about the same time.
    fn close_all(&mut self, out: &mut Vec<Made>) {
        let (Some(epoch), Some(targets)) = (self.epoch, self.targets) else {
            return;
        };
        let mut context = Context {
            targets,
            epoch,
            discontinuities: self.discontinuities,
            boundary: None,
            out,
        };
        for stream in self.streams.values_mut() {
            stream.close(&mut context);
        }
        let end = self
            .streams
            .values()
            .filter_map(|stream| stream.history().end())
            .max()
            .unwrap_or(0);
        for stream in self.streams.values_mut() {
            let own = stream.history().end().unwrap_or(end);
            if stream.discontinuities != context.discontinuities {
                // A rendition that missed the last discontinuity altogether still counts it.
                stream.add_gap(end.max(own.max(epoch.from).saturating_add(HOLE)), &mut context);
            } else if own.saturating_add(HOLE) < end {
                stream.add_gap(end, &mut context);
            }
        }
        let ends = self.streams.values().filter_map(|stream| stream.history().end());
        let end = ends.max().unwrap_or(0);
        self.boundary = None;
        self.newest = end;
    }
}

/// Frames.
impl Lecture {
    fn take(&mut self, frame: &Frame, now: i64, out: &mut Vec<Made>) {
        let (Some(epoch), Some(targets)) = (self.epoch, self.targets) else {
            return;
        };
        let rendition = Rendition::of(frame);
        let timescale = frame.format.timescale();
        let before = self.streams.get(&rendition).and_then(|stream| stream.newest);
        let raw = epoch.ticks(frame.decoded_at, timescale);
        let at = raw.map(|raw| clock::micros(raw, timescale));
        let (Some(raw), Some(at)) = (raw, at.filter(|&at| !self.jumps(at, before))) else {
            // Sound before the first picture is left out; a clock that jumps begins anew.
            let alone = rendition.is_picture() || self.boundary.is_none();
            if alone && (before.is_some() || at.is_some()) {
                out.append(&mut self.interrupt());
                out.append(&mut self.push(frame, now));
            }
            return;
        };
        self.newest = self.newest.max(at);
        self.newest_now = now;
        let discontinuities = self.discontinuities;
        let stream = self
            .streams
            .entry(rendition)
            .or_insert_with(|| Stream::new(rendition, discontinuities, History::default()));
        stream.newest = Some(stream.newest.map_or(at, |newest| newest.max(at)));
        self.fill_before(targets, at, rendition, out);
        self.close_absent(targets, at, rendition, out);
        if !self.admits(frame, rendition, now, out) || !self.change_format(frame, rendition, raw, now, out) {
            return;
        }
        self.pack(frame, rendition, raw, out);
        self.ask_when_due(rendition, at, now, out);
        self.fill_absent(out);
    }

    /// Whether a time can't belong to the same clock as the times before it, of all tracks and of its own.
    fn jumps(&self, at: u64, before: Option<u64>) -> bool {
        at > self.newest.saturating_add(JUMP) || before.is_some_and(|before| at.saturating_add(JUMP) < before)
    }

    /// Whether a decoder could begin with a frame, or go on with it; otherwise asks for a key frame.
    fn admits(&mut self, frame: &Frame, rendition: Rendition, now: i64, out: &mut Vec<Made>) -> bool {
        let Some(stream) = self.streams.get(&rendition) else {
            return false;
        };
        let known = stream.format.as_ref().is_some_and(|format| same(format, &frame.format));
        let admitted = frame.key || !rendition.is_picture() || known && stream.open().is_some();
        if !admitted {
            self.ask(rendition, now, out);
        }
        admitted
    }

    /// Prepares the rendition for a frame's format; `false` if it can't be played.
    fn change_format(&mut self, frame: &Frame, rendition: Rendition, raw: u64, now: i64, out: &mut Vec<Made>) -> bool {
        let stream = self.streams.get(&rendition);
        if stream.is_some_and(|stream| stream.format.as_ref().is_some_and(|format| same(format, &frame.format))) {
            return stream.is_some_and(|stream| !stream.refused);
        }
        // The first format of an epoch is behind a discontinuity already.
        if stream.is_some_and(|stream| stream.open().is_some()) {
            self.discontinue(rendition, now, out);
            self.with(rendition, out, |stream, context| {
                stream.end_before(raw, frame.format.timescale(), context);
            });
        } else if stream.is_some_and(|stream| stream.format.is_some() && stream.is_listed()) {
            self.discontinue(rendition, now, out);
        }
        let Some(stream) = self.streams.get_mut(&rendition) else {
            return false;
        };
        match stream.set_format(&frame.format, out) {
            Ok(()) => true,
            Err(reason) => {
                out.push(Made::Unplayable { rendition, reason });
                false
            }
        }
    }

    /// Counts a discontinuity of this rendition, which all others follow at their next segment.
    fn discontinue(&mut self, rendition: Rendition, now: i64, out: &mut Vec<Made>) {
        let behind = |stream: &Stream| stream.discontinuities != self.discontinuities;
        if self.streams.get(&rendition).is_some_and(behind) {
            // Another rendition's discontinuity is still to come here: they are one.
            return;
        }
        let late: Vec<Rendition> = self
            .streams
            .values()
            .filter(|stream| stream.is_listed() && behind(stream))
            .map(|stream| stream.rendition)
            .collect();
        for other in late {
            self.with(other, out, |stream, context| {
                stream.close(context);
                let end = stream.history().end().unwrap_or(0).max(context.epoch.from);
                stream.add_gap(end.saturating_add(HOLE), context);
            });
        }
        self.discontinuities = self.discontinuities.saturating_add(1);
        self.ask_all(now, out);
    }

    /// Adds a frame to its rendition.
    fn pack(&mut self, frame: &Frame, rendition: Rendition, raw: u64, out: &mut Vec<Made>) {
        let start = self.with(rendition, out, |stream, context| {
            let at = stream.place(raw)?;
            let begins = stream.open().is_none();
            let place = clock::micros(at, frame.format.timescale());
            let hole = stream
                .history()
                .end()
                .map(|end| end.max(context.epoch.from).saturating_add(HOLE));
            if begins && hole.is_some_and(|hole| hole < place) {
                stream.add_gap(place, context);
            }
            let shown = i128::from(raw) + i128::from(frame.shown_after);
            let offset = i32::try_from(shown - i128::from(at)).unwrap_or(0);
            let key = frame.key || !rendition.is_picture();
            let data = frame.data.clone();
            stream.push(Sample { at, offset, key, data }, context);
            stream.open().map(|open| open.start)
        });
        if rendition.is_picture() {
            self.boundary = self.boundary.max(start.flatten());
        }
    }

    /// Asks for the key frames that end the segments of all layers.
    fn ask_when_due(&mut self, rendition: Rendition, at: u64, now: i64, out: &mut Vec<Made>) {
        let age = self.streams.get(&rendition).and_then(|stream| stream.age(at));
        if rendition.is_picture() && age.is_some_and(|age| age >= clock::ASK) {
            self.ask_all(now, out);
        }
    }

    fn ask_all(&mut self, now: i64, out: &mut Vec<Made>) {
        let pictures: Vec<Rendition> = self.streams.keys().copied().filter(|it| it.is_picture()).collect();
        for rendition in pictures {
            self.ask(rendition, now, out);
        }
    }

    fn ask(&mut self, rendition: Rendition, now: i64, out: &mut Vec<Made>) {
        let (Rendition::Picture(layer), true) = (rendition, self.settings.answers_requests) else {
            return;
        };
        if let Some(stream) = self.streams.get_mut(&rendition) {
            let recently = |asked: i64| now.saturating_sub(asked) < clock::ASK_AGAIN;
            if !stream.asked.is_some_and(recently) {
                stream.asked = Some(now);
                out.push(Made::KeyFrame(layer));
            }
        }
    }

    /// Calls a function with a rendition and what it must know of the lecture.
    fn with<T>(
        &mut self,
        rendition: Rendition,
        out: &mut Vec<Made>,
        call: impl FnOnce(&mut Stream, &mut Context<'_>) -> T,
    ) -> Option<T> {
        let mut context = Context {
            targets: self.targets?,
            epoch: self.epoch?,
            discontinuities: self.discontinuities,
            boundary: self.boundary,
            out,
        };
        Some(call(self.streams.get_mut(&rendition)?, &mut context))
    }
}

/// Renditions that have nothing.
impl Lecture {
    /// How long a rendition has had nothing.
    pub(super) fn absence(&self, stream: &Stream) -> u64 {
        let from = self.epoch.map_or(0, |epoch| epoch.from);
        self.newest.saturating_sub(stream.newest.unwrap_or(from))
    }

    /// Fills the time before a packet of sound that comes after a while with silence.
    fn fill_before(&mut self, targets: Targets, at: u64, rendition: Rendition, out: &mut Vec<Made>) {
        let Some(stream) = self.streams.get(&rendition).filter(|stream| stream.open().is_some()) else {
            return;
        };
        let missing = at.saturating_sub(stream.reached().unwrap_or(at));
        if (SILENCE..FILLED).contains(&missing) && self.is_silenced(stream, targets) {
            self.with(rendition, out, |stream, context| stream.add_silence(at, context));
        }
    }

    /// Ends the segments of renditions that have had nothing for too long, before a frame at `at` is added to `present`.
    fn close_absent(&mut self, targets: Targets, at: u64, present: Rendition, out: &mut Vec<Made>) {
        let absent = |stream: &&Stream| {
            let Some(reached) = stream.reached().filter(|_| stream.open().is_some()) else {
                return false;
            };
            let reaches = |limit: u64| at.saturating_sub(reached) >= limit;
            let too_long = stream.age(at).is_some_and(|age| age > targets.longest());
            match stream.rendition == present {
                true => reaches(targets.patience()) || too_long && reaches(HOLE),
                false => reaches(targets.patience()) && !self.is_silenced(stream, targets),
            }
        };
        let absent: Vec<Rendition> = self
            .streams
            .values()
            .filter(absent)
            .map(|stream| stream.rendition)
            .collect();
        for rendition in absent {
            self.with(rendition, out, Stream::close);
        }
        let pictures = |stream: &Stream| stream.rendition.is_picture() && stream.open().is_some();
        if !self.streams.values().any(pictures) {
            self.boundary = None;
        }
    }

    /// Fills the time of renditions that have nothing: the only sound with silence, others with gaps.
    fn fill_absent(&mut self, out: &mut Vec<Made>) {
        let (Some(epoch), Some(targets)) = (self.epoch, self.targets) else {
            return;
        };
        let patience = targets.patience();
        let newest = self.newest;
        let due = |stream: &&Stream| {
            let reached = stream.reached().unwrap_or(newest).max(epoch.from);
            let behind = newest.saturating_sub(reached);
            stream.is_listed() && (stream.open().is_none() || self.absence(stream) >= patience) && behind >= patience
        };
        let due: Vec<Rendition> = self
            .streams
            .values()
            .filter(due)
            .map(|stream| stream.rendition)
            .collect();
        for rendition in due {
            let until = newest.saturating_sub(patience);
            let stream = self.streams.get(&rendition);
            if stream.is_some_and(|stream| self.is_silenced(stream, targets)) {
                self.with(rendition, out, |stream, context| stream.add_silence(until, context));
            } else {
                self.with(rendition, out, |stream, context| {
                    let reached = stream.history().end().unwrap_or(until).max(context.epoch.from);
                    if until.saturating_sub(reached) >= clock::SEGMENT {
                        stream.add_gap(reached.saturating_add(clock::SEGMENT), context);
                    }
                });
            }
        }
    }

    /// Whether silence takes the place of what is missing: it does in the only sound.
    fn is_silenced(&self, stream: &Stream, targets: Targets) -> bool {
        let mut others = self
            .streams
            .values()
            .filter(|other| other.rendition != stream.rendition);
        let heard = |other: &Stream| !other.rendition.is_picture() && self.absence(other) < targets.patience();
        stream.has_silence() && !others.any(heard)
    }
}

/// Whether two frames share an init segment.
fn same(one: &Arc<Format>, other: &Arc<Format>) -> bool {
    Arc::ptr_eq(one, other) || one == other
}
