//! The tracks that are the lecture's, with the summaries of their samples.

use super::gate::{aac, audio_entry, format, is_served, shape};
use super::survey::{SampleSummary, Surveyed};
use crate::choice::{Candidate, choose_picture, choose_sounds};
use crate::error::ScanError;
use crate::movie::{Handler, Movie, Track};
use crate::samples::{Packed, Samples};

/// The limit of audio tracks to serve.
const MAX_AUDIO: usize = 8;
/// The samples in a frame of AAC.
const AAC_FRAME: u64 = 1_024;

/// Summarises the samples of every video and audio track, and keeps the tracks that may be served.
pub(super) fn survey(
    movie: &Movie<'_>,
    packed: Vec<Packed>,
    file: u64,
) -> Result<(Option<Surveyed>, Vec<Surveyed>), ScanError> {
    let mut videos = Vec::new();
    let mut audio = Vec::new();
    let mut bytes = 0_u64;
    for ((index, track), packed) in movie.tracks.iter().enumerate().zip(packed) {
        if track.handler == Handler::Other {
            continue;
        }
        track.tables.check_room(file)?;
        let samples = Samples::new(&track.tables, &packed);
        let Some(survey) = SampleSummary::of(samples, (track.timescale, frame_length(track)), file)? else {
            continue;
        };
        if track.tables.has_sizes() {
            bytes = bytes.saturating_add(survey.bytes);
        }
        let surveyed = Surveyed { index, packed, survey };
        if track.handler == Handler::Audio {
            audio.push(surveyed);
        } else {
            videos.push(surveyed);
        }
    }
    // A few bytes that are many samples would become many segments.
    if bytes > file {
        return Err(ScanError::Malformed("samples overlap"));
    }
    let candidates = |all: &[Surveyed]| -> Vec<Candidate> {
        let all = all.iter();
        all.map(|surveyed| candidate(movie, surveyed)).collect()
    };
    let chosen = choose_picture(&candidates(&videos));
    let video = chosen.map(|place| videos.swap_remove(place));
    let places = choose_sounds(&candidates(&audio));
    let mut audio: Vec<Option<Surveyed>> = audio.into_iter().map(Some).collect();
    let audio = places
        .into_iter()
        .filter_map(|place| audio.get_mut(place)?.take())
        .take(MAX_AUDIO);
    Ok((video, audio.collect()))
}

/// What counts when the lecture's tracks are chosen.
fn candidate(movie: &Movie<'_>, surveyed: &Surveyed) -> Candidate {
    let Some(track) = movie.tracks.get(surveyed.index) else {
        return Candidate::default();
    };
    // Players offer the disabled members of a group as alternatives to its enabled one.
    let group = movie.tracks.iter().filter(|other| other.alternate_group != 0);
    let mut group = group.filter(|other| other.alternate_group == track.alternate_group);
    let shape = shape(track);
    // The sample entry often has two channels for one.
    let channels = aac(track).map(|(config, _)| config.channels);
    let stated = audio_entry(track).map_or(0, |entry| entry.channels);
    Candidate {
        enabled: track.enabled || group.any(|other| other.enabled),
        default: track.enabled,
        // Cover pictures and chapter pictures are video tracks, too.
        still: track.preview
            || surveyed.survey.count < 2 && track.handler == Handler::Video
            || matches!(format(track), b"jpeg" | b"png " | b"mjpa" | b"mjpb" | b"gif "),
        size: match track.handler {
            Handler::Audio => channels.filter(|&channels| channels > 0).unwrap_or(stated).into(),
            _ => u64::from(shape.width) * u64::from(shape.height),
        },
    }
}

/// The length of every frame of an AAC track in ticks, as a fraction.
fn frame_length(track: &Track<'_>) -> Option<(u64, u64)> {
    let (config, _) = aac(track).filter(|_| is_served(track))?;
    Some((AAC_FRAME * u64::from(track.timescale), config.sample_rate.into()))
}
