//! Makes the plan of a ladder from the facts about a source: pure, and the same plan for the same source.
//!
//! Nothing is upscaled. All renditions of a lecture have their segments on one grid, which is the source's if it can be
//! played without encoding.

use super::plan::{Input, KeyFrame, Plan, Rung, Sound, SourceRung, Stream, Track};
use super::survey::{Survey, SurveyAudio, SurveyVideo};
use contracts::RenditionName;
use fmp4::{Index, Probe, TICKS, TrackKind};

mod byte_ranges;
mod grid;

/// The highest rate of 1920 × 1080 at 30 frames a second, in bits a second; other sizes get their share by pixels.
const FULL_HD_CEILING: f64 = 6_000_000.0;
const FULL_HD_PIXELS: f64 = 1920.0 * 1080.0;
/// The power of the pixels to which the highest rate is proportional: smaller pictures need more bits a pixel.
const CEILING_EXPONENT: f64 = 0.75;
/// The smallest side that encoders accept.
const SMALLEST_SIDE: u32 = 16;

/// The plan of a source that has to be encoded before it can be watched.
///
/// Shape: empty if there is nothing in it to watch
#[must_use]
pub fn plan_of_survey(survey: &Survey, listed: &[u32]) -> Plan {
    let picture = survey.video.as_ref().filter(|video| !video.frames.is_empty());
    let video = picture.map(grid::of_frames).unwrap_or_default();
    let heard: Vec<&SurveyAudio> = survey.audio.iter().filter(|audio| audio.end > 0).collect();
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
        },
        audio: grid::of_sounds(&video.bounds, &heard),
        rungs: picture.map(|video| all_rungs(video, listed)).unwrap_or_default(),
        video,
        sounds: sounds.collect(),
        source: None,
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
    bounds.extend(
        track
            .segments
            .last()
            .map(|last| ticks(last.start.saturating_add(last.duration))),
    );
    bounds.dedup();
    let short_side = shown.width.min(shown.height);
    let rungs: Vec<Rung> = listed
        .iter()
        .filter(|&&side| side < short_side)
        .map(|&side| rung(side, shown.width, shown.height, shown.frame_rate))
        .collect();
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
        },
        video: Track { bounds, pieces },
        audio: Track::default(),
        rungs,
        sounds: Vec::new(),
        source: Some(SourceRung {
            short_side,
            stays: listed.last().is_none_or(|&cap| short_side <= cap),
        }),
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
            },
            video: Track::default(),
            audio: Track::default(),
            rungs: Vec::new(),
            sounds: Vec::new(),
            source: None,
        }
    }
}

/// The configured rungs below the picture, and one of its own size on top if it is no larger than the highest.
fn all_rungs(video: &SurveyVideo, listed: &[u32]) -> Vec<Rung> {
    let short_side = video.width.min(video.height);
    let make = |side: u32| rung(side, video.width, video.height, video.frame_rate);
    let below = listed.iter().filter(|&&side| side < short_side);
    let mut rungs: Vec<Rung> = below.map(|&side| make(side)).collect();
    if listed.last().is_none_or(|&cap| short_side <= cap) {
        let own = make(short_side);
        // An odd size is cut to an even one, which may be configured.
        rungs.retain(|rung| (rung.width, rung.height) != (own.width, own.height));
        rungs.push(own);
    }
    rungs
}

fn rung(side: u32, width: u32, height: u32, frame_rate: f64) -> Rung {
    let short = width.min(height).max(1);
    let scaled = |length: u32| {
        let exact = (u64::from(length) * u64::from(side) + u64::from(short) / 2) / u64::from(short);
        let even = u32::try_from(exact).unwrap_or(u32::MAX) & !1;
        even.max(SMALLEST_SIDE)
    };
    let (across, down) = (scaled(width), scaled(height));
    let share = f64::from(across) * f64::from(down) / FULL_HD_PIXELS;
    let faster = (frame_rate / 30.0).clamp(1.0, 2.0).sqrt();
    let ceiling = FULL_HD_CEILING * share.powf(CEILING_EXPONENT) * faster;
    Rung {
        name: RenditionName::rung(side),
        width: across,
        height: down,
        frame_rate,
        bit_rate: whole(ceiling.clamp(64_000.0, 50_000_000.0)) / 1000 * 1000,
        crf: if side >= 720 { 23 } else { 22 },
    }
}

/// A number within 32 bits without its fraction.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the caller has clamped it to what fits"
)]
fn whole(number: f64) -> u32 {
    number as u32
}

fn rescale(time: u64, timescale: u32) -> u64 {
    let scale = u128::from(timescale.max(1));
    let ticks = (u128::from(time) * u128::from(TICKS) + scale / 2) / scale;
    u64::try_from(ticks).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
