//! Reads ffprobe's lines, one for each packet: when frames are shown, when sounds end, and where their bytes are.

mod picture;

use super::seconds::{LONGEST, Seconds};
use super::silences::Silences;
use super::stretches::{Found, Stretches};
use super::{SurveyError, rescale, ticks};
use picture::{FORGIVEN, Picture};
use renditions::models::survey::{Stretch, SurveyFrame};
use std::ops::Range;

/// The longest line that is read; seven numbers are far shorter.
const LONGEST_LINE: usize = 256;
/// The packets of the longest lecture: 18 hours of pictures at 60 a second, and of several sounds.
const MOST_PACKETS: u64 = 20_000_000;

/// The unit of a stream's times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unit {
    numerator: u32,
    denominator: u32,
}

impl Unit {
    pub(super) fn new(numerator: u32, denominator: u32) -> Option<Self> {
        (numerator > 0 && denominator > 0).then_some(Self { numerator, denominator })
    }

    pub(super) fn seconds(self) -> (u32, u32) {
        (self.numerator, self.denominator)
    }

    fn half_second(self) -> i64 {
        (i64::from(self.denominator) / (2 * i64::from(self.numerator))).max(1)
    }
}

/// A packet, from its line.
struct Packet {
    stream: u32,
    pts: Option<i64>,
    dts: Option<i64>,
    duration: Option<i64>,
    size: u64,
    /// Where it begins in the file.
    place: Option<u64>,
    key: bool,
    /// Whether it is never shown, and decoded only for frames that depend on it.
    hidden: bool,
}

/// The packets of a source so far.
#[derive(Debug)]
pub(super) struct Packets {
    /// The lecture's zero on the container's clock, in microseconds.
    zero: i64,
    /// Whether a packet is one run of bytes in the file.
    contiguous: bool,
    line: Vec<u8>,
    video: Option<Picture>,
    audio: Vec<Sound>,
    /// Packets of all streams.
    count: u64,
    seconds: Seconds,
    /// When the lecture ends, if packets follow that don't belong to it.
    cut: Option<u64>,
}

#[derive(Debug)]
struct Sound {
    stream: u32,
    unit: Unit,
    zero: i64,
    end: Option<i64>,
    sum: i64,
    /// None if times have gone back, because bytes can't be found by time then.
    stretches: Option<Stretches>,
    /// None if times have gone back.
    silences: Option<Silences>,
    last: i64,
}

impl Packets {
    /// `zero`: the lecture's zero on the container's clock, in microseconds; `contiguous`: whether the container stores a
    /// packet in one run of bytes.
    pub(super) fn new(zero: i64, contiguous: bool) -> Self {
        Self {
            zero,
            contiguous,
            line: Vec::new(),
            video: None,
            audio: Vec::new(),
            count: 0,
            seconds: Seconds::default(),
            cut: None,
        }
    }

    /// The zero in a stream's units, rounded as ffmpeg rounds it.
    fn zero_in(&self, unit: Unit) -> i64 {
        i64::try_from(rescale(self.zero, (1, 1_000_000), unit.seconds())).unwrap_or(0)
    }

    pub(super) fn watch_video(&mut self, stream: u32, unit: Unit, delay: usize) {
        let stretches = Stretches::new(unit.half_second(), self.contiguous);
        self.video = Some(Picture::new(stream, unit, self.zero_in(unit), delay, stretches));
    }

    pub(super) fn watch_audio(&mut self, stream: u32, unit: Unit) {
        self.audio.push(Sound {
            stream,
            unit,
            zero: self.zero_in(unit),
            end: None,
            sum: 0,
            stretches: Some(Stretches::new(unit.half_second(), self.contiguous)),
            silences: Some(Silences::default()),
            last: i64::MIN,
        });
    }

    pub(super) fn push(&mut self, chunk: &[u8]) -> Result<(), SurveyError> {
        let mut rest = chunk;
        while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
            let (now, after) = rest.split_at(end);
            self.keep(now);
            let line = std::mem::take(&mut self.line);
            self.take(&line)?;
            self.line = line;
            self.line.clear();
            rest = after.get(1..).unwrap_or_default();
        }
        self.keep(rest);
        Ok(())
    }

    /// Ends the input; the last line may lack its line break.
    pub(super) fn close(&mut self) -> Result<(), SurveyError> {
        let line = std::mem::take(&mut self.line);
        self.take(&line)?;
        if let Some(video) = &mut self.video {
            video.close();
        }
        self.cut = self.seconds.end()?;
        Ok(())
    }

    fn keep(&mut self, part: &[u8]) {
        let room = LONGEST_LINE.saturating_sub(self.line.len());
        self.line.extend_from_slice(part.get(..room).unwrap_or(part));
    }

    fn take(&mut self, line: &[u8]) -> Result<(), SurveyError> {
        let Some(packet) = Packet::parse(line) else {
            return Ok(());
        };
        self.count += 1;
        if self.count > MOST_PACKETS {
            return Err(SurveyError::TooLarge("packets"));
        }
        // Beside a sound, a gap in both is a gap, however long the picture claims to be shown.
        let lasts = self.audio.is_empty();
        let is_alone = self.video.is_none();
        let duration = packet.duration.unwrap_or(0);
        let found = if let Some(video) = self.video.as_mut().filter(|it| it.stream == packet.stream) {
            video.take(&packet)?;
            packet
                .pts
                .or(packet.dts)
                .map(|time| (time.saturating_sub(video.zero), video.unit))
        } else {
            let sound = self.audio.iter_mut().find(|it| it.stream == packet.stream);
            // Beside a picture, whose clock is checked, an encoder puts sound back in step.
            if sound.as_ref().is_some_and(|sound| is_alone && sound.goes_back(&packet)) {
                return Err(SurveyError::Timeline);
            }
            sound.map(|sound| (sound.take(&packet).saturating_sub(sound.zero), sound.unit))
        };
        if let Some((time, unit)) = found {
            self.seconds.add(ticks(time, unit), ticks(duration, unit), lasts);
        }
        Ok(())
    }

    /// Where the packets of a stream are in a file of this length; empty if that is not known.
    pub(super) fn take_stretches(&mut self, stream: u32, length: Option<u64>) -> Vec<Stretch> {
        let in_ticks = |found: Vec<Found>, zero: i64, unit: Unit| {
            let from = |time: i64| u64::try_from(ticks(time.saturating_sub(zero), unit).clamp(0, LONGEST)).unwrap_or(0);
            let stretches = found.into_iter().map(|one| Stretch {
                from: from(one.from),
                bytes: one.bytes,
            });
            stretches.collect()
        };
        if let Some(video) = self.video.as_mut().filter(|it| it.stream == stream) {
            return in_ticks(video.stretches.in_file(length), video.zero, video.unit);
        }
        let sound = self.audio.iter_mut().find(|it| it.stream == stream);
        let found = sound.and_then(|it| Some((it.stretches.as_mut()?.in_file(length), it.zero, it.unit)));
        found.map_or_else(Vec::new, |(found, zero, unit)| in_ticks(found, zero, unit))
    }

    /// Whether packets follow the end of the lecture, which a gap of more than a minute parts from it.
    pub(super) fn is_cut(&self) -> bool {
        self.cut.is_some()
    }

    /// When the lecture ends at the latest.
    fn limit(&self) -> u64 {
        self.cut.unwrap_or(u64::MAX)
    }

    /// How many packets the picture has, shown or not.
    pub(super) fn pictures(&self) -> u64 {
        self.video.as_ref().map_or(0, |video| video.packets)
    }

    /// The frames by time, and when the last one ends; none if there is no frame.
    pub(super) fn frames(&self) -> Option<(Vec<SurveyFrame>, u64)> {
        self.video.as_ref()?.by_time(self.limit())
    }

    /// The long silences of a sound.
    pub(super) fn silences_of(&self, stream: u32) -> Vec<Range<u64>> {
        let sound = self.audio.iter().find(|it| it.stream == stream);
        let silences = sound.and_then(|sound| sound.silences.as_ref());
        silences.map_or_else(Vec::new, |silences| silences.before(self.limit()))
    }

    /// When the sound of a stream ends; none if it has no sound.
    pub(super) fn end_of(&self, stream: u32) -> Option<u64> {
        let sound = self.audio.iter().find(|it| it.stream == stream)?;
        let end = sound.end.unwrap_or(sound.sum).saturating_sub(sound.zero);
        let end = ticks(end, sound.unit);
        let end = u64::try_from(end.max(0)).unwrap_or(u64::MAX);
        Some(end.min(self.limit())).filter(|&end| end > 0)
    }
}

impl Packet {
    /// Shape: `stream|pts|dts|duration|size|pos|flags`, and more fields if the packet has side data
    fn parse(line: &[u8]) -> Option<Self> {
        let mut fields = std::str::from_utf8(line).ok()?.trim().split('|');
        let stream = fields.next()?.parse().ok()?;
        // "N/A" is no number.
        let mut number = || fields.next().map(|field| field.parse::<i64>().ok());
        let (pts, dts, duration) = (number()?, number()?, number()?);
        let (size, place) = (number()?, number()?);
        let flags = fields.next()?;
        Some(Self {
            stream,
            pts,
            dts,
            duration: duration.filter(|&duration| duration > 0),
            size: size.and_then(|size| u64::try_from(size).ok()).unwrap_or(0),
            place: place.and_then(|place| u64::try_from(place).ok()),
            key: flags.contains('K'),
            hidden: flags.contains('D'),
        })
    }
}

impl Sound {
    /// Whether a packet lies so far before the last one that a recording begins anew with it.
    fn goes_back(&self, packet: &Packet) -> bool {
        let time = packet.pts.or(packet.dts);
        time.is_some_and(|time| ticks(self.last.saturating_sub(time), self.unit) > FORGIVEN)
    }

    /// Adds a packet; returns its time.
    fn take(&mut self, packet: &Packet) -> i64 {
        let time = packet.pts.or(packet.dts).unwrap_or(self.sum);
        if self.last.saturating_sub(time) > 2 * self.unit.half_second() {
            self.stretches = None;
            self.silences = None;
        }
        self.last = time;
        if let Some(stretches) = &mut self.stretches {
            stretches.add(Some(time), packet.place, packet.size);
        }
        if !packet.hidden {
            let duration = packet.duration.unwrap_or(0);
            if let Some(silences) = &mut self.silences {
                let begin = ticks(time.saturating_sub(self.zero), self.unit);
                silences.add(begin, ticks(duration, self.unit));
            }
            self.sum = self.sum.saturating_add(duration);
            if let Some(time) = packet.pts.or(packet.dts) {
                self.end = self.end.max(Some(time.saturating_add(duration)));
            }
        }
        time
    }
}

#[cfg(test)]
mod tests;
