//! Surveys a source that needs encoding: its streams, its frames, when they end, and where their bytes are.
//!
//! ffprobe reads the file, in the sandbox. It runs twice: for the streams, and for all packets, with one short line for each
//! packet. Nothing is decoded. The frames get the times that ffmpeg gives them when it encodes, so that it cuts between the
//! same two frames.

mod ending;
mod error;
mod marks;
mod matroska;
mod packets;
mod seconds;
mod silences;
mod streams;
mod stretches;

pub use error::SurveyError;

use crate::containers::{demuxer, past_damage};
use crate::encoder::{FFPROBE, codecs};
use crate::sources::Views;
use fmp4::Sniff;
use marks::Marks;
use packets::{Packets, Unit};
use renditions::models::survey::{ScannedTracks, Survey, SurveyAudio, SurveyVideo};
use sandbox::{Limits, Order, Sandbox};
use seconds::LONGEST;
use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::time::Duration;
use streams::{Description, Streams, VideoStream};
use tokio::task::spawn_blocking;

/// No honest file has a longer description of its streams.
const MOST_DESCRIPTION: usize = 1 << 20;
/// The most pixels of all pictures together: 12 hours of 4K at 60 frames a second.
const MOST_DECODED_PIXELS: u64 = 22_000_000_000_000;
/// The processor time of ffprobe for a small file. It decodes a few frames at most.
const CPU_SECONDS: u64 = 60;
/// And in addition for each GiB.
const CPU_SECONDS_OF_GIB: u64 = 20;

/// Surveys the file at `source`; ffprobe runs in the task's staging `folder`.
///
/// Errors: it is not a media file, or could not be read
pub async fn survey(sandbox: &Sandbox, source: &Path, sniff: Sniff, folder: &Path) -> Result<Survey, SurveyError> {
    survey_tracks(sandbox, source, (sniff, None), folder).await
}

/// Surveys a file, and in it the tracks that a scan has chosen.
///
/// Errors: it is not a media file, or could not be read
pub async fn survey_tracks(
    sandbox: &Sandbox,
    source: &Path,
    (sniff, tracks): (Sniff, Option<ScannedTracks>),
    folder: &Path,
) -> Result<Survey, SurveyError> {
    let length = tokio::fs::metadata(source).await.map_or(0, |it| it.len());
    let views = Views::of_file(source.to_owned(), sniff, length);
    survey_views(sandbox, &views, tracks, folder).await
}

/// Surveys a source that may be in a remote store.
///
/// Errors: it is not a media file, or could not be read
pub(crate) async fn survey_views(
    sandbox: &Sandbox,
    views: &Views,
    tracks: Option<ScannedTracks>,
    folder: &Path,
) -> Result<Survey, SurveyError> {
    let sniff = views.kind;
    if !sniff.is_media() {
        return Err(SurveyError::Unreadable);
    }
    let (container, source) = (sniff.container(), views.streams.path());
    let order = |what: &[&str]| order(source, container, folder, what, views.length);
    let (text, messages) = list(sandbox, &order(&STREAMS)).await?;
    let described = Description::parse(&text)?;
    let count = order(&marks::COUNT);
    let marks = match tracks {
        Some(_) => Marks {
            tracks,
            ..Marks::default()
        },
        None => Marks::of(sandbox, (source, container), described.kinds(), &count).await?,
    };
    let mut streams = described.choose(&marks).map_err(|error| match error {
        // ffprobe continues without a size that it refuses.
        SurveyError::Undecodable => SurveyError::refused(&messages).unwrap_or(error),
        other => other,
    })?;
    streams.length = Some(views.length).filter(|&length| length > 0);
    // Times in MP4 and MOV count from the lecture's zero already: ffmpeg has applied their edit lists.
    let (zero, contiguous) = if sniff.is_scannable() {
        (0, true)
    } else {
        (streams.start, false)
    };
    let packets = Packets::new(zero, contiguous);
    let mut packets = list_packets(sandbox, (views, container, folder), &streams, packets).await?;
    let pixels = streams.video.as_ref().map_or(0, |video| video.pixels);
    demand_pixels(pixels, packets.pictures())?;
    let video = picture(&streams, &mut packets);
    let audio = sounds(&streams, &mut packets);
    let ends = audio.iter().map(|it| it.end).chain(video.as_ref().map(|it| it.end));
    let duration = ends.max().filter(|&end| end > 0).ok_or(SurveyError::Empty)?;
    if i128::from(duration) > LONGEST {
        return Err(SurveyError::LENGTH);
    }
    Ok(Survey {
        container: container.to_owned(),
        zero,
        duration,
        cut: packets.is_cut() || ends_early(views, container).await,
        video,
        audio,
    })
}

/// Refuses a picture of which so many of this size are too much work.
fn demand_pixels(pixels: u64, pictures: u64) -> Result<(), SurveyError> {
    if pixels.saturating_mul(pictures) > MOST_DECODED_PIXELS {
        Err(SurveyError::PICTURES)
    } else {
        Ok(())
    }
}

const STREAMS: [&str; 4] = [
    "-of",
    "json=compact=1",
    "-show_entries",
    "format=start_time,size:stream=index,id,nb_frames,codec_type,codec_name,width,height,sample_aspect_ratio,sample_rate,channels,\
     time_base,has_b_frames:stream_tags=language:stream_disposition=default,attached_pic,timed_thumbnails,still_image:stream_side_data=rotation",
];

const PACKETS: [&str; 4] = [
    "-of",
    "compact=print_section=0:nokey=1",
    "-show_entries",
    "packet=stream_index,pts,dts,duration,size,pos,flags",
];

/// A run of ffprobe on a source of this length.
fn order(source: &Path, container: &str, folder: &Path, what: &[&str], length: u64) -> Order {
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
        limits: Limits {
            file_size: 0,
            cpu: Some(cpu(length)),
            nice: Limits::URGENT,
            ..Limits::default()
        },
    }
}

/// The processor time for a file of so many bytes.
fn cpu(length: u64) -> Duration {
    let more = (u128::from(length) * u128::from(CPU_SECONDS_OF_GIB)) >> 30;
    Duration::from_secs(CPU_SECONDS.saturating_add(u64::try_from(more).unwrap_or(u64::MAX)))
}

/// What ffprobe prints about streams, and its messages.
async fn list(sandbox: &Sandbox, order: &Order) -> Result<(Vec<u8>, String), SurveyError> {
    let mut running = sandbox.start(order)?;
    let mut text = Vec::new();
    while let Some(bytes) = running.next().await? {
        if text.len() + bytes.len() > MOST_DESCRIPTION {
            return Err(SurveyError::TooLarge("streams"));
        }
        text.extend_from_slice(&bytes);
    }
    Ok((text, running.messages()))
}

/// Whether the container's lengths tell that the end of the file is missing; false if they can't be read.
async fn ends_early(views: &Views, container: &str) -> bool {
    let (source, container) = (views.streams.path().to_owned(), container.to_owned());
    let (edges, length) = (views.edges.clone(), views.length);
    let read = spawn_blocking(move || match edges {
        Some((first, last)) => ending::is_cut_between(&first, &last, length, &container),
        None => ending::is_cut(&source, &container),
    });
    let read = read.await.map_err(io::Error::other).flatten();
    read.unwrap_or_else(|error| {
        tracing::warn!(%error, "the end of a source could not be read");
        false
    })
}

async fn list_packets(
    sandbox: &Sandbox,
    (views, container, folder): (&Views, &str, &Path),
    streams: &Streams,
    mut packets: Packets,
) -> Result<Packets, SurveyError> {
    if let Some(video) = &streams.video {
        packets.watch_video(video.stream, video.unit, video.delay);
    }
    for audio in &streams.audio {
        packets.watch_audio(audio.stream, audio.unit);
    }
    // A parser would look for frames in bytes that are not there.
    let unparsed: &[&str] = if views.has_bytes { &[] } else { &["-fflags", "+noparse"] };
    let what = [unparsed, &PACKETS].concat();
    let order = order(views.packets.path(), container, folder, &what, views.length);
    let mut running = views.packets.start(sandbox, &order)?;
    while let Some(bytes) = running.next().await? {
        packets.push(&bytes)?;
    }
    packets.close()?;
    Ok(packets)
}

fn picture(streams: &Streams, packets: &mut Packets) -> Option<SurveyVideo> {
    let video = streams.video.as_ref()?;
    let (frames, end) = packets.frames()?;
    let VideoStream {
        stream,
        width,
        height,
        rotation,
        ..
    } = *video;
    let first = frames.first().map_or(0, |frame| frame.time);
    Some(SurveyVideo {
        stream,
        codec: video.codec.clone(),
        width,
        height,
        frame_rate: rate(frames.len(), end.saturating_sub(first)),
        rotation,
        frames,
        end,
        stretches: packets.take_stretches(stream, streams.length),
    })
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
            silences: packets.silences_of(audio.stream),
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
    fn twelve_hours_of_4k_at_sixty_frames_a_second_are_taken_and_twice_as_many_are_refused() {
        let (pixels, pictures) = (3_840 * 2_160, 12 * 3_600 * 60);
        assert!(demand_pixels(pixels, pictures).is_ok());
        for (pixels, pictures) in [
            (pixels, 2 * pictures),
            (2 * pixels, pictures),
            (16_000 * 16_000, 90_000),
            (u64::MAX, 2),
        ] {
            let refused = demand_pixels(pixels, pictures).unwrap_err();
            assert_eq!(refused.code(), "media_limits", "{pixels} × {pictures}");
        }
    }

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
    fn a_longer_file_may_take_longer_to_read() {
        assert_eq!(cpu(1 << 20).as_secs(), 60);
        assert_eq!(cpu(3 << 30).as_secs(), 120);
        assert_eq!(cpu(u64::MAX).as_secs(), 60 + (20 << 34) - 1);
    }

    #[test]
    fn rates_have_three_decimals() {
        assert!((rate(30_000, 1_001 * 90_000) - 29.97).abs() < 1e-9);
        assert!((rate(1, 0)).abs() < f64::EPSILON);
    }
}
