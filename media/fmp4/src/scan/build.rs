//! Builds the index of a file that can be cut without encoding.

use super::gate::{self, Chosen};
use super::keyframes::KeyFrameCheck;
use super::survey::{Candidate, Planner};
use super::{Judged, Limits, TARGET_SECONDS};
use crate::bytes::{Short, wide};
use crate::error::{Obstacle, ScanError};
use crate::index::{AudioShape, Index, IndexHead, IndexTrack, Segment, TrackKind, VideoShape, crc32};
use crate::movie::{Movie, Track};
use crate::samples::{Block, Sample, Samples};
use crate::segment::init;
use crate::segment::moof::{self, Media};

/// The largest segment that players and servers should have to hold.
const MAX_SEGMENT: u64 = 32 << 20;
/// A segment may have this many times the bytes that the highest average rate allows for the longest group of pictures.
const BURST: u64 = 4;
/// Any segment may have this many bytes, however low the rate.
const SMALL_SEGMENT: u64 = 4 << 20;
/// The most samples of a segment, many times what ten seconds of any picture or sound have.
const MAX_SEGMENT_SAMPLES: usize = 16_384;

/// Why a file can't have an index.
pub(super) enum Stop {
    Error(ScanError),
    Obstacle(Obstacle),
}

impl From<ScanError> for Stop {
    fn from(error: ScanError) -> Self {
        Self::Error(error)
    }
}

impl From<Obstacle> for Stop {
    fn from(obstacle: Obstacle) -> Self {
        Self::Obstacle(obstacle)
    }
}

impl From<Short> for Stop {
    fn from(short: Short) -> Self {
        Self::Error(short.into())
    }
}

/// Builds the index from the confirmed key frames.
pub(super) fn index(
    movie: &Movie<'_>,
    judged: &Judged,
    check: &KeyFrameCheck,
    file: u64,
    limits: &Limits,
) -> Result<Index, Stop> {
    let mut blocks = Vec::new();
    let mut tracks = Vec::new();
    let mut grid = Grid {
        cuts: Vec::new(),
        end: 0,
        timescale: 1,
    };
    if let Some(video) = &judged.choice.video {
        let track = track_of(movie, video)?;
        let cuts = cuts(video, track, check, limits)?;
        let lecture = |shown: i64| shown.saturating_add(video.shift).max(0);
        grid = Grid {
            cuts: cuts.iter().skip(1).map(|cut| lecture(cut.shown)).collect(),
            end: lecture(video.survey.end),
            timescale: track.timescale,
        };
        tracks.push(video_track(
            track,
            video,
            &cuts,
            &check.key_frames(),
            judged,
            &mut blocks,
        )?);
    }
    for audio in &judged.choice.audio {
        tracks.push(audio_track(track_of(movie, audio)?, audio, &grid, &mut blocks)?);
    }
    if tracks.iter().any(|track| track.segments.is_empty()) {
        return Err(Obstacle::Timeline("a track has nothing to show").into());
    }
    let largest = largest_segment(limits);
    if tracks
        .iter()
        .flat_map(|track| &track.segments)
        .any(|segment| segment.bytes > largest)
    {
        return Err(Obstacle::BitRate.into());
    }
    let mut index = Index {
        head: IndexHead {
            source_length: file,
            tracks,
        },
        blocks,
    };
    index.place_blocks();
    Ok(index)
}

/// How many bytes a segment may have; one of a large part of a lecture would stall its players, and servers hold it whole.
fn largest_segment(limits: &Limits) -> u64 {
    let group = u128::from(limits.max_bit_rate) * limits.max_key_frame_gap.as_millis() / 8_000;
    let burst = u64::try_from(group).unwrap_or(u64::MAX).saturating_mul(BURST);
    burst.clamp(SMALL_SEGMENT, MAX_SEGMENT)
}

fn track_of<'a, 'm>(movie: &'a Movie<'m>, chosen: &Chosen) -> Result<&'a Track<'m>, ScanError> {
    movie
        .tracks
        .get(chosen.track)
        .ok_or(ScanError::Malformed("no such track"))
}

/// Chooses where to cut the video. Errors: if its key frames do not allow it
fn cuts(video: &Chosen, track: &Track<'_>, check: &KeyFrameCheck, limits: &Limits) -> Result<Vec<Candidate>, Obstacle> {
    if check.has_other_sets() {
        return Err(Obstacle::SampleEntries);
    }
    let key_frames = check.key_frames();
    if key_frames.first().is_none_or(|first| first.index != 0) {
        return Err(Obstacle::OpenGop);
    }
    let gap = limits
        .max_key_frame_gap
        .as_micros()
        .saturating_mul(track.timescale.into())
        / 1_000_000;
    let gap = i64::try_from(gap).unwrap_or(i64::MAX);
    let ends = key_frames
        .iter()
        .skip(1)
        .map(|next| next.shown)
        .chain([video.survey.end]);
    for (key_frame, end) in key_frames.iter().zip(ends) {
        if end.saturating_sub(key_frame.shown) > gap {
            let open = check.has_false_ones(key_frame.shown..end);
            return Err(if open { Obstacle::OpenGop } else { Obstacle::KeyFrameGap });
        }
    }
    let mut planner = Planner::new(track.timescale);
    key_frames.into_iter().for_each(|key_frame| planner.add(key_frame));
    Ok(planner.finish(video.survey.end))
}

fn video_track(
    track: &Track<'_>,
    video: &Chosen,
    cuts: &[Candidate],
    key_frames: &[Candidate],
    judged: &Judged,
    blocks: &mut Vec<u8>,
) -> Result<IndexTrack, Stop> {
    let mut writer = Writer::new(true, track.timescale, video, blocks);
    let mut samples = Samples::new(&track.tables, &video.packed);
    let mut cuts = cuts.iter().peekable();
    let mut key_frames = key_frames.iter().peekable();
    let mut number = 0;
    // All frames of a segment must be shown from its first picture on and before the next segment's first picture.
    let (mut begun, mut latest) = (i64::MIN, i64::MIN);
    while let Some((decoded, sample)) = samples.next()? {
        let shown = decoded.saturating_add(sample.composition.into());
        if cuts.next_if(|cut| cut.index == number).is_some() {
            if latest >= shown {
                return Err(Obstacle::OpenGop.into());
            }
            writer.cut(shown)?;
            begun = shown;
        }
        if shown < begun {
            return Err(Obstacle::OpenGop.into());
        }
        if key_frames.next_if(|key_frame| key_frame.index == number).is_some() {
            writer.block.mark_key_frame();
        }
        latest = latest.max(shown);
        writer.push(decoded, &sample)?;
        number += 1;
    }
    let segments = writer.finish(video.survey.end)?;
    let rates = Rates::of(&segments, track.timescale);
    let config = gate::avc(track).ok_or(Obstacle::VideoFormat("described in an unusual way"))?;
    let entry = gate::video_entry(track).ok_or(Obstacle::SampleEntries)?;
    let shape = gate::shape(track);
    let init = init::video(
        track.timescale,
        track.language.as_deref(),
        &init::VideoInit {
            format: entry.format,
            width: u16::try_from(shape.width).unwrap_or(u16::MAX),
            height: u16::try_from(shape.height).unwrap_or(u16::MAX),
            pixel_aspect: entry.pixel_aspect,
            shown: shape.shown(),
            orientation: track.orientation,
            config: entry.config.unwrap_or_default(),
            colour: entry.colour,
        },
    );
    let probed = judged.probe.video.as_ref();
    let kind = TrackKind::Video(VideoShape {
        width: probed.map_or(0, |video| video.width),
        height: probed.map_or(0, |video| video.height),
        frame_rate: probed.map_or(0.0, |video| video.frame_rate),
    });
    Ok(rates.track(kind, config.codec_string(entry.format), track.timescale, init, segments))
}

fn audio_track(track: &Track<'_>, audio: &Chosen, grid: &Grid, blocks: &mut Vec<u8>) -> Result<IndexTrack, Stop> {
    let mut writer = Writer::new(false, track.timescale, audio, blocks);
    let mut samples = Samples::new(&track.tables, &audio.packed);
    let mut boundaries = grid.boundaries(track.timescale).peekable();
    let mut due = true;
    while let Some((decoded, sample)) = samples.next()? {
        let shown = decoded.saturating_add(sample.composition.into());
        let lecture = shown.saturating_add(audio.shift);
        if lecture.saturating_add(track.timescale.into()) < 0 || !writer.can_express(decoded) {
            continue;
        }
        while boundaries.next_if(|&boundary| boundary <= lecture).is_some() {
            due = true;
        }
        if due {
            writer.cut(shown)?;
            due = false;
        }
        writer.push(decoded, &sample)?;
    }
    let segments = writer.finish(audio.survey.end)?;
    let rates = Rates::of(&segments, track.timescale);
    let (config, bytes) = gate::aac(track).ok_or(Obstacle::SampleEntries)?;
    let language = track.language.clone();
    let init = init::audio(
        track.timescale,
        language.as_deref(),
        &init::AudioInit {
            channels: config.channels,
            sample_rate: config.sample_rate,
            config: bytes,
            peak: rates.peak,
            average: rates.average,
        },
    );
    let kind = TrackKind::Audio(AudioShape {
        channels: config.channels,
        sample_rate: config.sample_rate,
        language,
    });
    Ok(rates.track(kind, config.codec_string(), track.timescale, init, segments))
}

/// The times of the video's cuts, which the audio follows.
struct Grid {
    /// Lecture times, without the first cut at zero.
    cuts: Vec<i64>,
    end: i64,
    timescale: u32,
}

impl Grid {
    /// The audio's cuts in its own ticks: with the video's, then in even steps where there is no (more) video.
    fn boundaries(&self, timescale: u32) -> impl Iterator<Item = i64> + '_ {
        let scaled = move |time: i64| {
            let ticks = i128::from(time) * i128::from(timescale);
            let own = i128::from(self.timescale.max(1));
            i64::try_from(ticks.div_euclid(own) + i128::from(ticks.rem_euclid(own) > 0)).unwrap_or(i64::MAX)
        };
        let step = i64::from(timescale).saturating_mul(TARGET_SECONDS);
        // Audio that ends a moment after the video gets no segment of its own.
        let first = if self.end == 0 {
            step
        } else {
            scaled(self.end).saturating_add(step / 2)
        };
        let even = std::iter::successors(Some(first), move |last| last.checked_add(step));
        self.cuts.iter().map(move |&cut| scaled(cut)).chain(even)
    }
}

/// Writes the blocks of one track.
struct Writer<'a> {
    video: bool,
    shift: i64,
    /// The shift from media time to the time in segments, where the lecture's zero is at one second.
    offset: i64,
    /// The correction of decode times and composition offsets that makes no offset negative: ffmpeg delays every sample
    /// of a fragmented file by the most negative offset that it has met.
    lowest: i32,
    block: Block,
    /// When the open segment starts to be shown, in lecture time, and when its first sample is decoded.
    start: i64,
    decode_time: Option<u64>,
    segments: Vec<Segment>,
    blocks: &'a mut Vec<u8>,
}

impl<'a> Writer<'a> {
    fn new(video: bool, timescale: u32, chosen: &Chosen, blocks: &'a mut Vec<u8>) -> Self {
        let (shift, lowest) = (chosen.shift, chosen.survey.lowest);
        let offset = shift.saturating_add(timescale.into()).saturating_add(lowest.into());
        let block = Block::default();
        Self {
            video,
            shift,
            offset,
            lowest,
            block,
            start: 0,
            decode_time: None,
            segments: Vec::new(),
            blocks,
        }
    }

    /// Whether segments can express this decode time without a negative number.
    fn can_express(&self, decoded: i64) -> bool {
        decoded.saturating_add(self.offset) >= 0
    }

    /// Starts a new segment, whose first sample is shown at `shown`.
    fn cut(&mut self, shown: i64) -> Result<(), Stop> {
        self.close()?;
        self.start = shown.saturating_add(self.shift);
        Ok(())
    }

    fn push(&mut self, decoded: i64, sample: &Sample) -> Result<(), Stop> {
        if self.decode_time.is_none() {
            let time = u64::try_from(decoded.saturating_add(self.offset));
            self.decode_time = Some(time.map_err(|_| Obstacle::Timeline("it starts before zero"))?);
        }
        if self.block.sizes.len() >= MAX_SEGMENT_SAMPLES {
            return Err(Obstacle::Timeline("there are too many samples in a few seconds").into());
        }
        let end = sample.end().ok_or(Short)?;
        let offset = sample.composition.checked_sub(self.lowest);
        let offset = offset.ok_or(Obstacle::Timeline("frames are shown long after they are decoded"))?;
        self.block.push(sample.duration, offset, sample.offset..end)?;
        Ok(())
    }

    fn close(&mut self) -> Result<(), Stop> {
        let Some(decode_time) = self.decode_time.take() else {
            return Ok(());
        };
        let bytes = moof::length(Media::of(self.video), &self.block);
        if bytes > MAX_SEGMENT {
            return Err(Obstacle::BitRate.into());
        }
        let from = self.blocks.len();
        self.block.encode(self.blocks);
        let encoded = self.blocks.get(from..).unwrap_or_default();
        let (checksum, block) = (crc32(encoded), 0..wide(encoded.len()));
        let start = u64::try_from(self.start).unwrap_or(0);
        self.segments.push(Segment {
            start,
            duration: 0,
            bytes,
            block,
            decode_time,
            checksum,
        });
        self.block.clear();
        Ok(())
    }

    /// Closes the last segment; the track ends at `end`.
    fn finish(mut self, end: i64) -> Result<Vec<Segment>, Stop> {
        self.close()?;
        let end = u64::try_from(end.saturating_add(self.shift)).unwrap_or(0);
        // A playlist's time starts at the lecture's zero, even if a track has nothing to show yet.
        if let Some(first) = self.segments.first_mut() {
            first.start = 0;
        }
        let mut next = end;
        for segment in self.segments.iter_mut().rev() {
            segment.duration = next
                .checked_sub(segment.start)
                .filter(|&duration| duration > 0)
                .unwrap_or(1);
            next = segment.start;
        }
        Ok(self.segments)
    }
}

/// The bit rates of a track's segments.
struct Rates {
    peak: u64,
    average: u64,
}

impl Rates {
    /// Source: RFC 8216 §4.1: the peak is the highest of any run of segments between 0.5 and 1.5 target durations
    fn of(segments: &[Segment], timescale: u32) -> Self {
        let bytes = segments.iter().map(|segment| segment.bytes).sum();
        let ticks = segments.iter().map(|segment| segment.duration).sum();
        let average = gate::bit_rate(bytes, ticks, timescale);
        let half = segments
            .iter()
            .map(|segment| segment.duration)
            .max()
            .unwrap_or(0)
            .div_ceil(2);
        let mut peak = average;
        for from in 0..segments.len() {
            let (mut bytes, mut ticks) = (0_u64, 0_u64);
            for segment in segments.iter().skip(from).take(64) {
                bytes = bytes.saturating_add(segment.bytes);
                ticks = ticks.saturating_add(segment.duration);
                if ticks >= half {
                    peak = peak.max(gate::bit_rate(bytes, ticks, timescale));
                    break;
                }
            }
        }
        Self { peak, average }
    }

    fn track(
        self,
        kind: TrackKind,
        codec_string: String,
        timescale: u32,
        init: Vec<u8>,
        segments: Vec<Segment>,
    ) -> IndexTrack {
        let (peak_bit_rate, average_bit_rate) = (self.peak, self.average);
        IndexTrack {
            kind,
            codec_string,
            timescale,
            init,
            segments,
            peak_bit_rate,
            average_bit_rate,
        }
    }
}
