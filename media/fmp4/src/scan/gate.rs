//! Judges a file's tracks: describes them, and decides whether they can be cut without encoding.

use super::Limits;
use super::keyframes::KeyFrameCheck;
use super::survey::{SampleSummary, Surveyed};
use crate::codec::aac::{AacConfig, Stream};
use crate::codec::avc::AvcConfig;
use crate::codec::{four_letters, plain_name};
use crate::error::{Obstacle, ScanError};
use crate::movie::{AudioEntry, Entry, Handler, Movie, Span, Track, VideoEntry};
use crate::probe::{AudioTrack, Probe, VideoTrack};
use crate::samples::Packed;

const MAX_FRAMES_A_SECOND: u64 = 120;
const MAX_PIXELS_ACROSS: u32 = 16_000;
/// How much later a track may begin, and how much earlier it may end, than the others: recorders stop their tracks that far
/// apart. The value is chosen, not measured in players.
const MAX_APART: i128 = 1_000_000;
/// How far packets of sound may be from lying back to back. Players play them back to back. Some writers of fragments move
/// single packets by a packet's length, 23 ms.
const MAX_WANDER_MILLIS: u64 = 25;

pub(super) struct Judgement {
    pub(super) probe: Probe,
    pub(super) choice: Result<Choice, Obstacle>,
}

/// The tracks to cut.
#[derive(Debug)]
pub(super) struct Choice {
    pub(super) video: Option<Chosen>,
    pub(super) audio: Vec<Chosen>,
}

/// One track to cut.
#[derive(Debug)]
pub(super) struct Chosen {
    /// Its index among the movie's tracks.
    pub(super) track: usize,
    pub(super) packed: Packed,
    pub(super) survey: SampleSummary,
    /// The shift from media time to lecture time, in ticks.
    pub(super) shift: i64,
}

impl Chosen {
    pub(super) fn check(&self, movie: &Movie<'_>) -> Result<KeyFrameCheck, ScanError> {
        let track = movie
            .tracks
            .get(self.track)
            .ok_or(ScanError::Malformed("no such track"))?;
        let config = avc(track).ok_or(ScanError::Malformed("no decoder configuration"))?;
        Ok(KeyFrameCheck::new(
            config.length_size,
            &config.units,
            self.survey.candidates.clone(),
        ))
    }
}

pub(super) fn judge(
    movie: &Movie<'_>,
    (video, audio): (Option<Surveyed>, Vec<Surveyed>),
    is_mov: bool,
    limits: &Limits,
) -> Result<Judgement, ScanError> {
    if video.is_none() && audio.is_empty() {
        return Err(ScanError::Empty);
    }
    let probe = probe(movie, video.as_ref(), &audio, is_mov)?;
    let choice = choose(movie, video, audio, &probe, limits);
    Ok(Judgement { probe, choice })
}

pub(super) fn format<'a>(track: &'a Track<'_>) -> &'a [u8; 4] {
    match &track.entry {
        Some(Entry::Video(entry)) => &entry.format,
        Some(Entry::Audio(entry)) => &entry.format,
        None => b"none",
    }
}

pub(super) fn video_entry<'a, 'm>(track: &'a Track<'m>) -> Option<&'a VideoEntry<'m>> {
    match &track.entry {
        Some(Entry::Video(entry)) => Some(entry),
        _ => None,
    }
}

pub(super) fn audio_entry<'a, 'm>(track: &'a Track<'m>) -> Option<&'a AudioEntry<'m>> {
    match &track.entry {
        Some(Entry::Audio(entry)) => Some(entry),
        _ => None,
    }
}

/// The decoder configuration of an H.264 track.
pub(super) fn avc<'m>(track: &Track<'m>) -> Option<AvcConfig<'m>> {
    let entry = video_entry(track).filter(|entry| matches!(&entry.format, b"avc1" | b"avc3"))?;
    AvcConfig::parse(entry.config?).ok()
}

/// The decoder configuration of an MPEG-4 AAC track of any kind.
pub(super) fn aac<'m>(track: &Track<'m>) -> Option<(AacConfig, &'m [u8])> {
    let entry = audio_entry(track).filter(|entry| &entry.format == b"mp4a")?;
    let stream = Stream::parse(entry.stream?)
        .ok()
        .filter(|stream| stream.object_type == 0x40)?;
    Some((AacConfig::parse(stream.config).ok()?, stream.config))
}

/// Bits per second, rounded up.
pub(super) fn bit_rate(bytes: u64, ticks: u64, timescale: u32) -> u64 {
    let bits = u128::from(bytes) * 8 * u128::from(timescale);
    u64::try_from(bits.div_ceil(u128::from(ticks.max(1)))).unwrap_or(u64::MAX)
}

fn probe(movie: &Movie<'_>, video: Option<&Surveyed>, audio: &[Surveyed], is_mov: bool) -> Result<Probe, ScanError> {
    let mut duration = 0;
    let mut rates = 0_u64;
    for surveyed in video.into_iter().chain(audio) {
        let Some(track) = movie.tracks.get(surveyed.index) else {
            continue;
        };
        // If the edit list can't be kept, the length of the media is the best estimate.
        let shift = shift(movie, track, &surveyed.survey).unwrap_or(surveyed.survey.first.saturating_neg());
        let end = u128::try_from(surveyed.survey.end.saturating_add(shift)).unwrap_or(0);
        let micros = end * 1_000_000 / u128::from(track.timescale.max(1));
        duration = duration.max(u64::try_from(micros).unwrap_or(u64::MAX));
        rates = rates.saturating_add(average(track, &surveyed.survey));
    }
    if duration == 0 {
        return Err(ScanError::Empty);
    }
    let video = match video.and_then(|video| Some((movie.tracks.get(video.index)?, video))) {
        Some((track, video)) => Some(describe_video(track, &video.survey)?),
        None => None,
    };
    let tracks = audio
        .iter()
        .filter_map(|audio| Some((movie.tracks.get(audio.index)?, audio)));
    let audio = tracks
        .map(|(track, audio)| describe_audio(track, &audio.survey))
        .collect();
    let container = if is_mov { "mov" } else { "mp4" };
    Ok(Probe {
        container,
        duration,
        video,
        audio,
        average_bit_rate: rates,
        cut: false,
    })
}

fn average(track: &Track<'_>, survey: &SampleSummary) -> u64 {
    bit_rate(survey.bytes, survey.length(), track.timescale)
}

fn describe_video(track: &Track<'_>, survey: &SampleSummary) -> Result<VideoTrack, ScanError> {
    let entry = video_entry(track);
    let format = entry.map_or(*b"none", |entry| entry.format);
    let shape = shape(track);
    if shape.width.max(shape.height) > MAX_PIXELS_ACROSS {
        return Err(ScanError::Limits("the picture is too large"));
    }
    let (mut width, mut height) = shape.shown();
    if track.orientation.is_sideways() {
        (width, height) = (height, width);
    }
    let codec_string = avc(track).map_or_else(|| four_letters(format), |config| config.codec_string(format));
    Ok(VideoTrack {
        id: track.id,
        codec: plain_name(format),
        codec_string,
        width,
        height,
        frame_rate: f64::from(thousandths(track, survey)) / 1000.0,
        rotation: track.orientation.degrees(),
        average_bit_rate: average(track, survey),
    })
}

/// Frames per thousand seconds.
fn thousandths(track: &Track<'_>, survey: &SampleSummary) -> u32 {
    let length = u128::from(survey.length().max(1));
    let frames = u128::from(survey.count) * u128::from(track.timescale) * 1000;
    u32::try_from((frames + length / 2) / length).unwrap_or(u32::MAX)
}

/// The size of the coded picture and the aspect ratio of its pixels.
pub(super) struct Shape {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) pixel_aspect: (u32, u32),
}

impl Shape {
    /// The displayed size before rotation: the aspect ratio enlarges one side and never shrinks the other.
    pub(super) fn shown(&self) -> (u32, u32) {
        let (across, down) = self.pixel_aspect;
        let stretched = |length: u32, by: u32, of: u32| {
            let length = (u64::from(length) * u64::from(by) + u64::from(of) / 2) / u64::from(of.max(1));
            u32::try_from(length).unwrap_or(u32::MAX).min(MAX_PIXELS_ACROSS)
        };
        if across >= down {
            (stretched(self.width, across, down), self.height)
        } else {
            (self.width, stretched(self.height, down, across))
        }
    }
}

pub(super) fn shape(track: &Track<'_>) -> Shape {
    let sps = avc(track).map(|config| config.sps);
    let entry = video_entry(track);
    let stated = entry.map_or((0, 0), |entry| (entry.width.into(), entry.height.into()));
    let (width, height) = sps.map_or(stated, |sps| (sps.width, sps.height));
    let pixel_aspect = entry
        .and_then(|entry| entry.pixel_aspect)
        .or(sps.and_then(|sps| sps.pixel_aspect));
    Shape {
        width,
        height,
        pixel_aspect: pixel_aspect.unwrap_or((1, 1)),
    }
}

fn describe_audio(track: &Track<'_>, survey: &SampleSummary) -> AudioTrack {
    let entry = audio_entry(track);
    let format = entry.map_or(*b"none", |entry| entry.format);
    let config = aac(track).map(|(config, _)| config);
    let stated = entry.map_or((0, 0), |entry| (entry.channels, entry.sample_rate));
    let (channels, sample_rate) = config.map_or(stated, |config| (config.channels, config.sample_rate));
    AudioTrack {
        id: track.id,
        codec: audio_name(track),
        codec_string: config.map_or_else(|| four_letters(format), AacConfig::codec_string),
        // The stream itself may describe its layout, which is unknown here; the sample entry has the best guess.
        channels: if channels == 0 { stated.0 } else { channels },
        sample_rate,
        language: track.language.clone(),
        average_bit_rate: average(track, survey),
    }
}

fn shift(movie: &Movie<'_>, track: &Track<'_>, survey: &SampleSummary) -> Result<i64, Obstacle> {
    let sample_rate = match track.handler {
        Handler::Audio => aac(track).map(|(config, _)| config.sample_rate),
        _ => None,
    };
    let SampleSummary { first, last, .. } = *survey;
    let span = Span {
        timescale: track.timescale,
        sample_rate,
        first,
        last,
    };
    track.edits.shift(movie.timescale, movie.fragmented, span)
}

fn choose(
    movie: &Movie<'_>,
    video: Option<Surveyed>,
    audio: Vec<Surveyed>,
    probe: &Probe,
    limits: &Limits,
) -> Result<Choice, Obstacle> {
    let served = audio
        .iter()
        .filter_map(|audio| movie.tracks.get(audio.index))
        .filter(|track| is_served(track));
    let groups: Vec<u16> = served
        .map(|track| track.alternate_group)
        .filter(|&group| group != 0)
        .collect();
    let video = video.map(|surveyed| {
        let track = movie.tracks.get(surveyed.index).ok_or(Obstacle::SampleEntries)?;
        video_obstacle(track, &surveyed.survey)?;
        chosen(movie, track, surveyed)
    });
    let mut chosen_audio = Vec::new();
    for surveyed in audio {
        let Some(track) = movie.tracks.get(surveyed.index) else {
            continue;
        };
        if is_served(track) {
            chosen_audio.push(chosen(movie, track, surveyed)?);
        } else if !groups.contains(&track.alternate_group) {
            return Err(Obstacle::AudioCodec(audio_words(track)));
        }
    }
    let choice = Choice {
        video: video.transpose()?,
        audio: chosen_audio,
    };
    if choice.video.is_none() && choice.audio.is_empty() {
        return Err(Obstacle::AudioCodec("of other kinds".to_owned()));
    }
    if probe.average_bit_rate > limits.max_bit_rate {
        return Err(Obstacle::BitRate);
    }
    same_length(movie, &choice)?;
    for chosen in &choice.audio {
        let most = movie.tracks.get(chosen.track).map_or(0, |track| track.timescale);
        if chosen.survey.wander > u64::from(most) * MAX_WANDER_MILLIS / 1_000 {
            return Err(Obstacle::SoundGaps);
        }
    }
    Ok(choice)
}

/// Rejects tracks that begin or end at different times.
fn same_length(movie: &Movie<'_>, choice: &Choice) -> Result<(), Obstacle> {
    let spans = choice.video.iter().chain(&choice.audio).filter_map(|chosen| {
        let timescale = movie.tracks.get(chosen.track)?.timescale;
        let micros =
            |shown: i64| (i128::from(shown) + i128::from(chosen.shift)) * 1_000_000 / i128::from(timescale.max(1));
        Some((micros(chosen.survey.first), micros(chosen.survey.end)))
    });
    let (firsts, ends): (Vec<i128>, Vec<i128>) = spans.unzip();
    let is_apart = |times: &[i128]| {
        times
            .iter()
            .max()
            .zip(times.iter().min())
            .is_some_and(|(most, least)| most - least > MAX_APART)
    };
    if is_apart(&firsts) || is_apart(&ends) {
        return Err(Obstacle::TrackLength);
    }
    Ok(())
}

pub(super) fn is_served(track: &Track<'_>) -> bool {
    aac(track).is_some_and(|(config, _)| config.is_plain_low_complexity())
}

fn audio_words(track: &Track<'_>) -> String {
    match aac(track) {
        Some((config, _)) if matches!(config.object_type, 5 | 29) => "HE-AAC".to_owned(),
        Some(_) => "an unusual kind of AAC".to_owned(),
        None => audio_name(track),
    }
}

/// The plain name of a track's codec; `mp4a` may also contain MP3, according to its stream description.
fn audio_name(track: &Track<'_>) -> String {
    let object = audio_entry(track)
        .and_then(|entry| Stream::parse(entry.stream?).ok())
        .map(|stream| stream.object_type);
    match object {
        Some(0x69 | 0x6b) => "mp3".to_owned(),
        _ => plain_name(*format(track)),
    }
}

fn chosen(movie: &Movie<'_>, track: &Track<'_>, surveyed: Surveyed) -> Result<Chosen, Obstacle> {
    if track.descriptions != 1 {
        return Err(Obstacle::SampleEntries);
    }
    let shift = shift(movie, track, &surveyed.survey)?;
    Ok(Chosen {
        track: surveyed.index,
        packed: surveyed.packed,
        survey: surveyed.survey,
        shift,
    })
}

fn video_obstacle(track: &Track<'_>, survey: &SampleSummary) -> Result<(), Obstacle> {
    let format = *format(track);
    if !matches!(&format, b"avc1" | b"avc3") {
        return Err(Obstacle::VideoCodec(plain_name(format)));
    }
    let config = avc(track).ok_or(Obstacle::VideoFormat("described in an unusual way"))?;
    if let Some(obstacle) = config.obstacle() {
        return Err(obstacle);
    }
    if u64::from(thousandths(track, survey)) > MAX_FRAMES_A_SECOND * 1000 + 500 {
        return Err(Obstacle::FrameRate);
    }
    Ok(())
}
