//! Makes the plan of a ladder from the facts about a source: pure, and the same plan for the same source.
//!
//! Nothing is upscaled. All renditions of a lecture have their segments on one grid, which is the source's if it can be
//! played without encoding.

use super::plan::{Input, KeyFrame, Plan, Rung, Sound, SourceRung, Stream, Track};
use super::survey::{Survey, SurveyAudio, SurveyFrame, SurveyVideo};
use contracts::RenditionName;
use fmp4::{Index, Probe, TICKS, TrackKind};

mod byte_ranges;
mod grid;
mod recorded;
mod rungs;

pub use recorded::plan_of_recording;

/// The plan of a source that has to be encoded before it can be watched. Every rendition lasts as long as the lecture.
///
/// Shape: empty if there is nothing in it to watch
#[must_use]
pub fn plan_of_survey(survey: &Survey, listed: &[u32]) -> Plan {
    let picture = survey.video.as_ref().filter(|video| !video.frames.is_empty());
    let heard: Vec<&SurveyAudio> = survey.audio.iter().filter(|audio| audio.end > 0).collect();
    let ends = heard
        .iter()
        .map(|audio| audio.end)
        .chain(picture.map(|video| video.end));
    let end = ends.max().unwrap_or(0);
    let rungs = picture.map(|video| rungs::all(video, listed)).unwrap_or_default();
    let lowest = rungs.first();
    let (video, last_picture) = picture.map_or_else(Default::default, |video| {
        grid::of_frames(video, &frames_of(video, lowest), end)
    });
    let sounds = heard.iter().zip(1_u32..).map(|(audio, n)| Sound {
        name: RenditionName::sound(n),
        stream: audio.stream,
        channels: audio.channels.clamp(1, 2),
        language: audio.language.clone(),
        silences: audio.silences.clone(),
    });
    Plan {
        input: Input {
            container: survey.container.clone(),
            zero: survey.zero,
            video: picture.map(|video| Stream::Number(video.stream)),
            pixels: picture.map_or(0, |video| u64::from(video.width) * u64::from(video.height)),
            last_picture,
            recording: None,
        },
        audio: grid::of_sounds(&video.bounds, &heard, end),
        rungs,
        video,
        sounds: sounds.collect(),
        source: None,
        is_fetched: false,
    }
}

/// The plan of the rungs below a source that is played without encoding; its own sound is served with every rung.
///
/// Shape: empty if the source is no larger than the lowest rung, or has no picture
#[must_use]
pub fn plan_below_source(probe: &Probe, index: &Index, listed: &[u32]) -> Plan {
    let mut tracks = index.head().tracks().iter().enumerate();
    let track = tracks.find(|(_, track)| matches!(track.kind, TrackKind::Video(_)));
    let (Some((number, track)), Some(shown)) = (track, &probe.video) else {
        return Plan::none();
    };
    let ticks = |time: u64| rescale(time, track.timescale);
    let mut bounds: Vec<u64> = track.segments.iter().map(|segment| ticks(segment.start)).collect();
    let end = track.segments.last();
    let end = end.map(|last| ticks(last.start.saturating_add(last.duration)));
    // The sound may go on for a moment, during which the last picture stays.
    bounds.extend(end.map(|end| end.max(rescale(probe.duration, 1_000_000))));
    bounds.dedup();
    let short_side = shown.width.min(shown.height);
    let rungs = rungs::below((shown.width, shown.height), shown.frame_rate, listed);
    if rungs.is_empty() || bounds.len() < 2 {
        return Plan::none();
    }
    let is_aligned = bounds.len() == track.segments.len() + 1;
    let pieces = grid::pieces(&bounds, |start, _, piece| {
        // Its segment may contain more key frames, which the head of the index does not list.
        piece.key_frame = Some(KeyFrame { at: start, next: None });
        let segments = piece.first..piece.first.saturating_add(piece.segments);
        piece.bytes = byte_ranges::of_segments(index, number, segments).filter(|_| is_aligned);
    });
    Plan {
        input: Input {
            container: probe.container.to_owned(),
            zero: 0,
            // The track that is played, which need not be the first one.
            video: Some(Stream::Id(shown.id)),
            pixels: u64::from(shown.width) * u64::from(shown.height),
            last_picture: None,
            recording: None,
        },
        video: Track { bounds, pieces },
        audio: Track::default(),
        rungs,
        sounds: Vec::new(),
        source: Some(SourceRung {
            short_side,
            stays: listed.last().is_none_or(|&cap| short_side <= cap),
        }),
        is_fetched: false,
    }
}

impl Plan {
    /// A plan without work.
    #[must_use]
    pub fn none() -> Self {
        Self {
            input: Input {
                container: String::new(),
                zero: 0,
                video: None,
                pixels: 0,
                last_picture: None,
                recording: None,
            },
            video: Track::default(),
            audio: Track::default(),
            rungs: Vec::new(),
            sounds: Vec::new(),
            source: None,
            is_fetched: false,
        }
    }
}

/// The frames that are encoded of a picture.
fn frames_of(video: &SurveyVideo, lowest: Option<&Rung>) -> Vec<SurveyFrame> {
    let mut frames = video.frames.clone();
    if let Some(rung) = lowest.filter(|rung| rung.thinned == Some(true)) {
        frames.dedup_by_key(|frame| rung.slot(frame.time));
    }
    frames
}

fn rescale(time: u64, timescale: u32) -> u64 {
    let scale = u128::from(timescale.max(1));
    let ticks = (u128::from(time) * u128::from(TICKS) + scale / 2) / scale;
    u64::try_from(ticks).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
