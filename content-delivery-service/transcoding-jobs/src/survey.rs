//! Surveys a source that needs encoding: its streams, its frames, when they end, and where their bytes are.
//!
//! ffprobe reads the file, in the sandbox. It runs twice: for the streams, and for all packets, with one short line for each
//! packet. Nothing is decoded. The frames get the times that ffmpeg gives them when it encodes, so that it cuts between the
//! same two frames.

mod packets;
mod streams;
mod stretches;

use crate::containers::{demuxer, past_damage};
use crate::encoder::codecs::{self, Refusal};
use crate::encoder::{self, FFPROBE};
use fmp4::Sniff;
use packets::{Packets, Unit};
use renditions::models::survey::{Survey, SurveyAudio, SurveyVideo};
use sandbox::{Limits, Order, RunError, Sandbox};
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;
use streams::{Streams, VideoStream};

/// No honest file has a longer description of its streams.
const MOST_DESCRIPTION: usize = 1 << 20;
/// What ffprobe may use; it decodes a few frames at most.
const LIMITS: Limits = Limits {
    memory: 4 << 30,
    file_size: 0,
    cpu: Some(Duration::from_secs(3_600)),
    nice: Limits::URGENT,
};

/// Why a source was not surveyed.
#[derive(Debug, thiserror::Error)]
pub enum SurveyError {
    /// It is not a media file of the kind that its first bytes suggest.
    #[error("the file is damaged, or not of the type that it seems to be: {0}")]
    Malformed(String),
    /// There is neither picture nor sound in it.
    #[error("the file has neither picture nor sound")]
    Empty,
    /// It is of a kind that is never played.
    #[error("the file is not a media file")]
    Unreadable,
    /// There is a picture that no decoder can decode.
    #[error("the picture in the file can't be decoded")]
    Undecodable,
    /// A stream needs a decoder that may not open.
    #[error("the file needs the decoder {0}, which is not among those that are used here")]
    Codec(String),
    /// Its times go back, as in concatenated recordings.
    #[error("the clock of the file starts again in the middle; join its parts again, or upload them one by one")]
    Timeline,
    /// It has more streams, pixels or frames than any lecture.
    #[error("the file has too many {0}")]
    TooLarge(&'static str),
    /// It could not be read to its end in reasonable time.
    #[error("reading the file made no progress")]
    Stalled,
    /// The failure has nothing to do with the source; the survey can be tried again.
    #[error("the source could not be surveyed: {0}")]
    Encoder(RunError),
}

impl SurveyError {
    /// A stable name for the error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "media_malformed",
            Self::Empty => "media_empty",
            Self::Unreadable => "media_unreadable",
            Self::Undecodable => "media_undecodable",
            Self::Codec(_) => "media_codec",
            Self::Timeline => "media_timeline",
            Self::TooLarge(_) => "media_too_large",
            Self::Stalled => "survey_stalled",
            Self::Encoder(error) => encoder::code(error),
        }
    }
}

impl From<RunError> for SurveyError {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Failed { message, .. } => match Refusal::read(&message) {
                Some(Refusal::Codec(decoder)) => Self::Codec(decoder),
                Some(Refusal::Pixels) => Self::TooLarge("pixels"),
                Some(Refusal::Streams) => Self::TooLarge("streams"),
                None => Self::Malformed(message),
            },
            RunError::Stalled => Self::Stalled,
            other => Self::Encoder(other),
        }
    }
}

/// Surveys the file at `source`; ffprobe runs in the task's staging `folder`.
///
/// Errors: it is not a media file, or could not be read
pub async fn survey(sandbox: &Sandbox, source: &Path, sniff: Sniff, folder: &Path) -> Result<Survey, SurveyError> {
    if !sniff.is_media() {
        return Err(SurveyError::Unreadable);
    }
    let container = sniff.container();
    let streams = list_streams(sandbox, &order(source, container, folder, &STREAMS)).await?;
    // Times in MP4 and MOV count from the lecture's zero already: ffmpeg has applied their edit lists.
    let (zero, contiguous) = if sniff.is_scannable() {
        (0, true)
    } else {
        (streams.start, false)
    };
    let packets = Packets::new(zero, contiguous);
    let mut packets = list_packets(sandbox, &order(source, container, folder, &PACKETS), &streams, packets).await?;
    let video = picture(&streams, &mut packets)?;
    let audio = sounds(&streams, &mut packets);
    let ends = audio.iter().map(|it| it.end).chain(video.as_ref().map(|it| it.end));
    let duration = ends.max().filter(|&end| end > 0).ok_or(SurveyError::Empty)?;
    Ok(Survey {
        container: container.to_owned(),
        zero,
        duration,
        video,
        audio,
    })
}

const STREAMS: [&str; 4] = [
    "-of",
    "json=compact=1",
    "-show_entries",
    "format=start_time,size:stream=index,codec_type,codec_name,width,height,sample_aspect_ratio,sample_rate,channels,\
     time_base,has_b_frames:stream_tags=language:stream_disposition=attached_pic:stream_side_data=rotation",
];

const PACKETS: [&str; 4] = [
    "-of",
    "compact=print_section=0:nokey=1",
    "-show_entries",
    "packet=stream_index,pts,dts,duration,size,pos,flags",
];

fn order(source: &Path, container: &str, folder: &Path, what: &[&str]) -> Order {
    let demuxer = demuxer(container);
    let mut args: Vec<OsString> = [
        "-hide_banner",
        "-v",
        "error",
        "-protocol_whitelist",
        "file,pipe",
        "-f",
        demuxer,
    ]
    .into_iter()
    .chain(codecs::bounds(demuxer))
    .chain(past_damage(container).iter().copied())
    .chain(what.iter().copied())
    .map(Into::into)
    .collect();
    // With an explicit protocol, no path is taken for an option or for another protocol.
    let mut input = OsString::from("file:");
    input.push(source);
    args.extend(["-i".into(), input]);
    Order {
        tool: FFPROBE.into(),
        args,
        folder: folder.to_owned(),
        reads: vec![source.to_owned()],
        writes: Vec::new(),
        limits: LIMITS,
    }
}

async fn list_streams(sandbox: &Sandbox, order: &Order) -> Result<Streams, SurveyError> {
    let mut running = sandbox.start(order)?;
    let mut text = Vec::new();
    while let Some(bytes) = running.next().await? {
        if text.len() + bytes.len() > MOST_DESCRIPTION {
            return Err(SurveyError::TooLarge("streams"));
        }
        text.extend_from_slice(&bytes);
    }
    Streams::parse(&text)
}

async fn list_packets(
    sandbox: &Sandbox,
    order: &Order,
    streams: &Streams,
    mut packets: Packets,
) -> Result<Packets, SurveyError> {
    if let Some(video) = &streams.video {
        packets.watch_video(video.stream, video.unit, video.delay);
    }
    for audio in &streams.audio {
        packets.watch_audio(audio.stream, audio.unit);
    }
    let mut running = sandbox.start(order)?;
    while let Some(bytes) = running.next().await? {
        packets.push(&bytes)?;
    }
    packets.close()?;
    Ok(packets)
}

fn picture(streams: &Streams, packets: &mut Packets) -> Result<Option<SurveyVideo>, SurveyError> {
    let Some(video) = &streams.video else {
        return Ok(None);
    };
    let Some((frames, end)) = packets.frames()? else {
        return Ok(None);
    };
    let VideoStream {
        stream,
        width,
        height,
        rotation,
        ..
    } = *video;
    let first = frames.first().map_or(0, |frame| frame.time);
    Ok(Some(SurveyVideo {
        stream,
        codec: video.codec.clone(),
        width,
        height,
        frame_rate: rate(frames.len(), end.saturating_sub(first)),
        rotation,
        frames,
        end,
        stretches: packets.take_stretches(stream, streams.length),
    }))
}

/// Frames a second, to three decimals.
fn rate(frames: usize, ticks: u64) -> f64 {
    let thousandths = (frames as u128 * 1_000 * u128::from(fmp4::TICKS))
        .checked_div(u128::from(ticks))
        .unwrap_or(0);
    f64::from(u32::try_from(thousandths).unwrap_or(u32::MAX)) / 1_000.0
}

fn sounds(streams: &Streams, packets: &mut Packets) -> Vec<SurveyAudio> {
    let found = streams.audio.iter().filter_map(|audio| {
        let end = packets.end_of(audio.stream)?;
        Some(SurveyAudio {
            stream: audio.stream,
            codec: audio.codec.clone(),
            channels: audio.channels,
            sample_rate: audio.sample_rate,
            language: audio.language.clone(),
            end,
            stretches: packets.take_stretches(audio.stream, streams.length),
        })
    });
    found.collect()
}

/// `value * unit` in ticks of `fmp4::TICKS`.
fn ticks(value: i64, unit: Unit) -> i128 {
    rescale(value, unit.seconds(), (1, fmp4::TICKS))
}

/// Converts a time from one time base to another; rounds to the nearest, and halves away from zero.
///
/// Source: `av_rescale_q` of libavutil
fn rescale(value: i64, from: (u32, u32), to: (u32, u32)) -> i128 {
    let up = i128::from(from.0) * i128::from(to.1);
    let down = i128::from(from.1) * i128::from(to.0);
    let value = i128::from(value);
    let size = (value.abs() * up + down / 2) / down.max(1);
    if value < 0 { -size } else { size }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_go_away_from_zero_as_in_libavutil() {
        assert_eq!(rescale(1, (1, 2), (1, 1)), 1);
        assert_eq!(rescale(-1, (1, 2), (1, 1)), -1);
        assert_eq!(rescale(-7_000, (1, 1_000_000), (1, 1_000)), -7);
        assert_eq!(rescale(33, (1, 1_000), (1, 90_000)), 2_970);
        assert_eq!(
            rescale(i64::MAX, (u32::MAX, 1), (1, 90_000)),
            i128::from(i64::MAX) * 4_294_967_295 * 90_000
        );
    }

    #[test]
    fn rates_have_three_decimals() {
        assert!((rate(30_000, 1_001 * 90_000) - 29.97).abs() < 1e-9);
        assert!((rate(1, 0)).abs() < f64::EPSILON);
    }
}
