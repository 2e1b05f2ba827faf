//! Takes in one line a packet, and knows in the end when every frame is shown and when every sound ends.

use super::{SurveyError, rescale, ticks};
use renditions::models::survey::SurveyFrame;

/// Frames of the longest lecture: 18 hours at 60 a second.
const MOST_FRAMES: usize = 4_000_000;
/// Five numbers are far shorter.
const LONGEST_LINE: usize = 256;
/// The longest lecture that there can be, in ticks: a hundred days.
const LONGEST: i128 = 100 * 86_400 * 90_000;
/// How far times of decoding may go back before it is another recording that begins: a second.
const FORGIVEN: i128 = 90_000;
/// What a single frame is shown for where nothing tells it: a twenty-fifth of a second.
const USUAL_FRAME: u64 = 90_000 / 25;

/// What a stream counts its times in.
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
}

/// A line.
struct Packet {
    stream: u32,
    pts: Option<i64>,
    dts: Option<i64>,
    duration: Option<i64>,
    key: bool,
}

/// The packets of a source so far.
#[derive(Debug)]
pub(super) struct Packets {
    /// The lecture's zero on the container's clock, in microseconds.
    zero: i64,
    line: Vec<u8>,
    video: Option<Picture>,
    audio: Vec<Sound>,
}

#[derive(Debug)]
struct Picture {
    stream: u32,
    unit: Unit,
    zero: i64,
    delay: usize,
    /// In the order of decoding: when shown, whether decoding can begin with it.
    frames: Vec<(i64, bool)>,
    /// How many of them told no time of their own.
    undated: usize,
    /// A frame that told no time of its own and waits for the next one.
    waiting: Option<bool>,
    last_dts: Option<i64>,
    /// The last known duration of a frame.
    duration: i64,
    /// The latest time, and what the frame there is shown for.
    latest: Option<(i64, i64)>,
}

#[derive(Debug)]
struct Sound {
    stream: u32,
    unit: Unit,
    zero: i64,
    end: Option<i64>,
    sum: i64,
}

impl Packets {
    /// `zero`: the lecture's zero on the container's clock, in microseconds.
    pub(super) fn new(zero: i64) -> Self {
        Self {
            zero,
            line: Vec::new(),
            video: None,
            audio: Vec::new(),
        }
    }

    /// The zero in a stream's units, rounded as ffmpeg rounds it.
    fn zero_in(&self, unit: Unit) -> i64 {
        i64::try_from(rescale(self.zero, (1, 1_000_000), unit.seconds())).unwrap_or(0)
    }

    pub(super) fn watch_video(&mut self, stream: u32, unit: Unit, delay: usize) {
        self.video = Some(Picture {
            stream,
            unit,
            zero: self.zero_in(unit),
            delay,
            frames: Vec::new(),
            undated: 0,
            waiting: None,
            last_dts: None,
            duration: 0,
            latest: None,
        });
    }

    pub(super) fn watch_audio(&mut self, stream: u32, unit: Unit) {
        self.audio.push(Sound {
            stream,
            unit,
            zero: self.zero_in(unit),
            end: None,
            sum: 0,
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

    /// The last line may be without an end.
    pub(super) fn close(&mut self) -> Result<(), SurveyError> {
        let line = std::mem::take(&mut self.line);
        self.take(&line)?;
        if let Some(video) = &mut self.video {
            video.close();
        }
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
        if let Some(video) = self.video.as_mut().filter(|it| it.stream == packet.stream) {
            video.take(&packet)?;
        } else if let Some(audio) = self.audio.iter_mut().find(|it| it.stream == packet.stream) {
            audio.take(&packet);
        }
        Ok(())
    }

    /// The frames by time, and when the last one ends; nothing where there is none.
    pub(super) fn frames(&self) -> Result<Option<(Vec<SurveyFrame>, u64)>, SurveyError> {
        self.video.as_ref().map_or(Ok(None), Picture::by_time)
    }

    /// When the sound of a stream ends; nothing where it has none.
    pub(super) fn end_of(&self, stream: u32) -> Option<u64> {
        let sound = self.audio.iter().find(|it| it.stream == stream)?;
        let end = sound.end.unwrap_or(sound.sum).saturating_sub(sound.zero);
        let end = ticks(end, sound.unit);
        u64::try_from(end.min(LONGEST)).ok().filter(|&end| end > 0)
    }
}

impl Packet {
    /// Shape: `stream|pts|dts|duration|flags`, with more after it where a packet has side data
    fn parse(line: &[u8]) -> Option<Self> {
        let mut fields = std::str::from_utf8(line).ok()?.trim().split('|');
        let stream = fields.next()?.parse().ok()?;
        // "N/A" is no number.
        let mut number = || fields.next().map(|field| field.parse::<i64>().ok());
        let (pts, dts, duration) = (number()?, number()?, number()?);
        let flags = fields.next()?;
        // Decoded for what follows, but never shown.
        if flags.contains('D') {
            return None;
        }
        Some(Self {
            stream,
            pts,
            dts,
            duration: duration.filter(|&duration| duration > 0),
            key: flags.contains('K'),
        })
    }
}

impl Sound {
    fn take(&mut self, packet: &Packet) {
        let duration = packet.duration.unwrap_or(0);
        self.sum = self.sum.saturating_add(duration);
        if let Some(time) = packet.pts.or(packet.dts) {
            self.end = self.end.max(Some(time.saturating_add(duration)));
        }
    }
}

impl Picture {
    fn take(&mut self, packet: &Packet) -> Result<(), SurveyError> {
        if self.frames.len() >= MOST_FRAMES {
            return Err(SurveyError::TooLarge("frames"));
        }
        self.duration = packet.duration.unwrap_or(self.duration);
        let (pts, dts) = (packet.pts, packet.dts);
        // A frame without a time of its own is shown when the next frame that others depend on has been decoded: that is
        // when the decoder lets go of it. Frames on which none depends are shown as they come.
        let reference = pts.is_none_or(|pts| dts.is_some_and(|dts| pts > dts));
        if let (true, Some(dts)) = (reference, dts)
            && let Some(key) = self.waiting.take()
        {
            self.add(dts, key);
        }
        if let (Some(before), Some(now)) = (self.last_dts, dts)
            && ticks(before.saturating_sub(now), self.unit) > FORGIVEN
        {
            return Err(SurveyError::Timeline);
        }
        self.last_dts = dts.or(self.last_dts);
        match (pts, dts) {
            (Some(pts), _) => self.add(pts, packet.key),
            (None, Some(dts)) if self.delay == 0 => self.add(dts, packet.key),
            (None, Some(_)) => {
                self.undated += 1;
                self.waiting = Some(packet.key);
            }
            (None, None) => {}
        }
        Ok(())
    }

    fn add(&mut self, time: i64, key: bool) {
        self.frames.push((time, key));
        if self.latest.is_none_or(|(latest, _)| time > latest) {
            self.latest = Some((time, self.duration));
        }
    }

    fn close(&mut self) {
        if let Some(key) = self.waiting.take() {
            let end = self.last_dts.unwrap_or(0).saturating_add(self.duration);
            self.add(end, key);
        }
        if self.delay > 1 && self.undated > 0 && self.undated == self.frames.len() {
            self.hold_back();
        }
    }

    /// Where no frame at all tells its time, the decoder gives each the time of the packet with which it lets go of it.
    fn hold_back(&mut self) {
        let more = self.delay - 1;
        let last = self.frames.last().map_or(0, |&(time, _)| time);
        let mut times: Vec<i64> = self.frames.iter().skip(more).map(|&(time, _)| time).collect();
        let mut next = last;
        while times.len() < self.frames.len() {
            next = next.saturating_add(self.duration);
            times.push(next);
        }
        for (frame, time) in self.frames.iter_mut().zip(times) {
            frame.0 = time;
        }
        self.latest = Some((next, self.duration));
    }

    fn by_time(&self) -> Result<Option<(Vec<SurveyFrame>, u64)>, SurveyError> {
        let mut frames: Vec<SurveyFrame> = Vec::with_capacity(self.frames.len());
        for &(time, key) in &self.frames {
            let time = ticks(time.saturating_sub(self.zero), self.unit);
            if time > LONGEST {
                return Err(SurveyError::Malformed("its times can't be true".to_owned()));
            }
            if let Ok(time) = u64::try_from(time) {
                frames.push(SurveyFrame { time, key });
            }
        }
        frames.sort_unstable_by_key(|frame| frame.time);
        frames.dedup_by(|next, kept| {
            let same = next.time == kept.time;
            kept.key |= same && next.key;
            same
        });
        let (Some(first), Some(last)) = (frames.first(), frames.last()) else {
            return Ok(None);
        };
        let gaps = frames.len() as u64 - 1;
        let mean = (last.time - first.time).checked_div(gaps).unwrap_or(USUAL_FRAME);
        let told = self.latest.map_or(0, |(_, duration)| ticks(duration, self.unit));
        let shown = u64::try_from(told.min(LONGEST)).unwrap_or(0);
        let end = last.time + if shown > 0 { shown } else { mean.max(1) };
        Ok(Some((frames, end)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(text: &str, delay: usize, zero: i64) -> Option<(Vec<SurveyFrame>, u64)> {
        let mut packets = Packets::new(zero);
        packets.watch_video(0, Unit::new(1, 30).unwrap(), delay);
        packets.push(text.as_bytes()).unwrap();
        packets.close().unwrap();
        packets.frames().unwrap()
    }

    /// Times in thirtieths.
    fn times(found: Option<(Vec<SurveyFrame>, u64)>) -> (Vec<u64>, u64) {
        let (frames, end) = found.unwrap();
        (frames.iter().map(|frame| frame.time / 3_000).collect(), end / 3_000)
    }

    #[test]
    fn frames_come_out_by_time_once_and_without_what_is_not_shown() {
        let told = "0|2|0|1|K_\n1|9|9|1|K_\n\n0|4|1|1|__|\n0|3|2|1|__\n0|3|2|1|K_\n0|1|0|1|KD\n0|nonsense\n0|5|3|1";
        let (frames, end) = picture(told, 2, 0).unwrap();
        let keys: Vec<_> = frames.iter().map(|frame| (frame.time / 3_000, frame.key)).collect();
        assert_eq!(keys, [(2, true), (3, true), (4, false)]);
        assert_eq!(end, 15_000);
    }

    #[test]
    fn frames_without_times_are_shown_when_the_decoder_lets_go_of_them() {
        // MPEG-4 in AVI, two B-frames between: only those tell their times
        let told = "0|N/A|0|1|K_\n0|N/A|1|1|__\n0|2|2|1|__\n0|3|3|1|__\n0|N/A|4|1|__\n0|5|5|1|__\n0|6|6|1|__\n";
        assert_eq!(times(picture(told, 1, 0)), ((1..=7).collect(), 8));
        // H.264 in AVI: none does
        let told = "0|N/A|0|1|K_\n0|N/A|1|1|__\n0|N/A|2|1|__\n0|N/A|3|1|__\n";
        assert_eq!(times(picture(told, 2, 0)), ((2..=5).collect(), 6));
        // no frame is held back where there are no B-frames
        assert_eq!(times(picture(told, 0, 0)), ((0..=3).collect(), 4));
    }

    #[test]
    fn a_clock_that_starts_again_in_the_middle_is_told() {
        let mut packets = Packets::new(0);
        packets.watch_video(0, Unit::new(1, 30).unwrap(), 0);
        packets.push(b"0|0|0|1|K_\n0|90|90|1|K_\n0|61|61|1|K_\n").unwrap();
        let again = packets.push(b"0|0|0|1|K_\n");
        assert!(matches!(again, Err(SurveyError::Timeline)), "{again:?}");
    }

    #[test]
    fn times_count_from_the_lecture_s_zero_and_nothing_comes_before_it() {
        let told = "0|30|30|1|K_\n0|31|31|1|__\n0|32|32|1|K_\n";
        assert_eq!(times(picture(told, 0, 1_033_333)), (vec![0, 1], 2));
        assert_eq!(times(picture(told, 0, -1_000_000)), (vec![60, 61, 62], 63));
    }

    #[test]
    fn the_last_frame_lasts_as_long_as_the_others_where_it_does_not_say() {
        assert_eq!(
            picture("0|0|0|N/A|K_\n0|3|3|N/A|__\n0|6|6|N/A|__\n", 0, 0).unwrap().1,
            27_000
        );
        assert_eq!(picture("0|0|0|N/A|K_\n", 0, 0).unwrap().1, USUAL_FRAME);
        assert!(picture("0|N/A|N/A|N/A|K_\n", 0, 0).is_none());
    }

    #[test]
    fn times_beyond_belief_are_an_error_and_never_a_panic() {
        let mut packets = Packets::new(i64::MIN + 1);
        packets.watch_video(0, Unit::new(u32::MAX, 1).unwrap(), 2);
        packets.watch_audio(1, Unit::new(1, 48_000).unwrap());
        let top = i64::MAX;
        packets
            .push(format!("0|{top}|{top}|{top}|K_\n1|{top}|{top}|{top}|K_\n").as_bytes())
            .unwrap();
        packets.close().unwrap();
        assert!(matches!(packets.frames(), Err(SurveyError::Malformed(_))));
        assert!(packets.end_of(1).is_some_and(|end| i128::from(end) <= LONGEST));
    }

    #[test]
    fn sounds_end_with_their_last_packet_or_with_the_sum_of_all() {
        let mut packets = Packets::new(500_000);
        packets.watch_audio(1, Unit::new(1, 1_000).unwrap());
        packets.watch_audio(2, Unit::new(1, 1_000).unwrap());
        packets.watch_audio(3, Unit::new(1, 1_000).unwrap());
        for chunk in [
            "1|500|500|20|K_\n1|5",
            "20|520|20|K_\n2|N/A|N/A|700|K_",
            "\n2|N/A|N/A|800|K_\n",
        ] {
            packets.push(chunk.as_bytes()).unwrap();
        }
        packets.close().unwrap();
        assert_eq!(packets.end_of(1), Some(3_600));
        assert_eq!(packets.end_of(2), Some(90_000));
        assert_eq!(packets.end_of(3), None);
    }

    #[test]
    fn a_line_without_end_takes_no_memory() {
        let mut packets = Packets::new(0);
        for _ in 0..1_000 {
            packets.push(&[b'0'; 1_000]).unwrap();
        }
        assert!(packets.line.capacity() <= 4 * LONGEST_LINE);
    }
}
