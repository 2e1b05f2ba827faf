//! The picture's frames, from its packets in the order of decoding.

use super::{Packet, Unit};
use crate::survey::stretches::Stretches;
use crate::survey::{SurveyError, ticks};
use renditions::models::survey::SurveyFrame;

/// The frames of the longest lecture: 18 hours at 60 a second.
const MOST_FRAMES: usize = 4_000_000;
/// How far times of decoding may go back before that counts as the beginning of another recording: a second.
pub(super) const FORGIVEN: i128 = 90_000;
/// How long a single frame is shown if its duration is unknown: a twenty-fifth of a second.
pub(super) const USUAL_FRAME: u64 = 90_000 / 25;

#[derive(Debug)]
pub(super) struct Picture {
    pub(super) stream: u32,
    pub(super) unit: Unit,
    pub(super) zero: i64,
    /// How many packets there are, shown or not.
    pub(super) packets: u64,
    delay: usize,
    /// In the order of decoding.
    frames: Vec<Frame>,
    /// How many of them have no time of their own.
    undated: usize,
    /// A frame without a time of its own, which depends on the next frame.
    waiting: Option<Undated>,
    last_dts: Option<i64>,
    /// The last known duration of a frame.
    duration: i64,
    /// The latest time, and how long the frame there is shown.
    latest: Option<(i64, i64)>,
    pub(super) stretches: Stretches,
}

/// A frame, with its time in the stream's units.
#[derive(Debug)]
struct Frame {
    time: i64,
    key: bool,
    stretch: u32,
}

#[derive(Debug)]
struct Undated {
    key: bool,
    stretch: u32,
}

impl Picture {
    pub(super) fn new(stream: u32, unit: Unit, zero: i64, delay: usize, stretches: Stretches) -> Self {
        Self {
            stream,
            unit,
            zero,
            packets: 0,
            delay,
            frames: Vec::new(),
            undated: 0,
            waiting: None,
            last_dts: None,
            duration: 0,
            latest: None,
            stretches,
        }
    }

    pub(super) fn take(&mut self, packet: &Packet) -> Result<(), SurveyError> {
        self.packets += 1;
        let time = packet.dts.or(packet.pts);
        let stretch = self.stretches.add(time, packet.place, packet.size);
        if packet.hidden {
            return Ok(());
        }
        if self.frames.len() >= MOST_FRAMES {
            return Err(SurveyError::TooLarge("frames"));
        }
        self.duration = packet.duration.unwrap_or(self.duration);
        let (pts, dts) = (packet.pts, packet.dts);
        // The decoder releases a frame without a time of its own when the next frame that others depend on has been
        // decoded, and it is shown then. Frames on which no other depends are shown at once.
        let reference = pts.is_none_or(|pts| dts.is_some_and(|dts| pts > dts));
        if let (true, Some(dts)) = (reference, dts)
            && let Some(waiting) = self.waiting.take()
        {
            self.add(dts, waiting.key, waiting.stretch);
        }
        if let (Some(before), Some(now)) = (self.last_dts, dts)
            && ticks(before.saturating_sub(now), self.unit) > FORGIVEN
        {
            return Err(SurveyError::Timeline);
        }
        self.last_dts = dts.or(self.last_dts);
        match (pts, dts) {
            (Some(pts), _) => self.add(pts, packet.key, stretch),
            (None, Some(dts)) if self.delay == 0 => self.add(dts, packet.key, stretch),
            (None, Some(_)) => {
                self.undated += 1;
                let key = packet.key;
                self.waiting = Some(Undated { key, stretch });
            }
            (None, None) => {}
        }
        Ok(())
    }

    /// As if this many pictures had been taken.
    #[cfg(test)]
    pub(super) fn pretend(&mut self, pictures: usize) {
        let frame = |_| Frame {
            time: 0,
            key: true,
            stretch: 0,
        };
        self.frames = (0..pictures).map(frame).collect();
    }

    fn add(&mut self, time: i64, key: bool, stretch: u32) {
        self.frames.push(Frame { time, key, stretch });
        if self.latest.is_none_or(|(latest, _)| time > latest) {
            self.latest = Some((time, self.duration));
        }
    }

    pub(super) fn close(&mut self) {
        if let Some(waiting) = self.waiting.take() {
            let end = self.last_dts.unwrap_or(0).saturating_add(self.duration);
            self.add(end, waiting.key, waiting.stretch);
        }
        if self.delay > 1 && self.undated > 0 && self.undated == self.frames.len() {
            self.hold_back();
        }
    }

    /// If no frame has a time, each gets the time of the packet with which the decoder releases it.
    fn hold_back(&mut self) {
        let more = self.delay - 1;
        let last = self.frames.last().map_or(0, |frame| frame.time);
        let mut times: Vec<i64> = self.frames.iter().skip(more).map(|frame| frame.time).collect();
        let mut next = last;
        while times.len() < self.frames.len() {
            next = next.saturating_add(self.duration);
            times.push(next);
        }
        for (frame, time) in self.frames.iter_mut().zip(times) {
            frame.time = time;
        }
        self.latest = Some((next, self.duration));
    }

    /// The frames before `limit` by time, and when the last one ends.
    pub(super) fn by_time(&self, limit: u64) -> Option<(Vec<SurveyFrame>, u64)> {
        let mut frames: Vec<SurveyFrame> = Vec::with_capacity(self.frames.len());
        for &Frame { time, key, stretch } in &self.frames {
            let time = ticks(time.saturating_sub(self.zero), self.unit);
            if let Some(time) = u64::try_from(time).ok().filter(|&time| time < limit) {
                frames.push(SurveyFrame { time, key, stretch });
            }
        }
        frames.sort_unstable_by_key(|frame| frame.time);
        frames.dedup_by(|next, kept| {
            let same = next.time == kept.time;
            if same {
                kept.key |= next.key;
                kept.stretch = kept.stretch.min(next.stretch);
            }
            same
        });
        let (first, last) = (frames.first()?, frames.last()?);
        let gaps = frames.len() as u64 - 1;
        let mean = (last.time - first.time).checked_div(gaps).unwrap_or(USUAL_FRAME);
        let stated = self.latest.map_or(0, |(_, duration)| ticks(duration, self.unit));
        let shown = u64::try_from(stated).unwrap_or(u64::MAX);
        let end = last.time.saturating_add(if shown > 0 { shown } else { mean.max(1) });
        Some((frames, end.min(limit)))
    }
}
