//! From what is known of a source to the plan of its ladder: pure, and the same for the same source.
//!
//! Nothing is upscaled; a source that can be played as it is stays as it is and gives the grid; every rendition of a
//! lecture has its segments on one grid.

use super::plan::{Input, Plan, PlannedPiece, Rung, Sound, SourceRung, Track};
use super::survey::{Survey, SurveyFrame, SurveyVideo};
use contracts::RenditionName;
use fmp4::{IndexHead, Probe, TICKS, TrackKind};

/// Segments are about this long where the encoder chooses.
const SEGMENT: u64 = 5 * TICKS as u64;
/// A last segment is not shorter than this, unless it is the only one.
const SHORTEST: u64 = TICKS as u64;
/// How long the first pieces are, in seconds; later ones are as long as the last of these.
const PIECES: [u64; 5] = [10, 10, 20, 40, 60];
/// No piece is longer than this part of what is left, so that those who share a lecture end at about the same time.
const PART_OF_REST: u64 = 3;
/// The ceiling of 1920 × 1080 at 30 frames a second, in bits a second; others by their share of pixels.
const FULL_HD_CEILING: f64 = 6_000_000.0;
const FULL_HD_PIXELS: f64 = 1920.0 * 1080.0;
/// How a ceiling follows the pixels: smaller pictures need more bits a pixel.
const CEILING_EXPONENT: f64 = 0.75;
const MILLISECOND: u64 = TICKS as u64 / 1_000;
/// No encoder takes less.
const SMALLEST_SIDE: u32 = 16;

/// The plan of a source that has to be encoded before it can be watched.
///
/// Shape: empty where there is nothing in it to watch
#[must_use]
pub fn plan_of_survey(survey: &Survey, listed: &[u32]) -> Plan {
    let picture = survey.video.as_ref().filter(|video| !video.frames.is_empty());
    let video = picture
        .map(|video| grid_of_frames(video, survey.demuxer))
        .unwrap_or_default();
    let sounds: Vec<Sound> = survey
        .audio
        .iter()
        .filter(|audio| audio.end > 0)
        .zip(1_u32..)
        .map(|(audio, n)| Sound {
            name: RenditionName::sound(n),
            stream: audio.stream,
            channels: audio.channels.clamp(1, 2),
            language: audio.language.clone(),
        })
        .collect();
    let end = survey.audio.iter().map(|audio| audio.end).max().unwrap_or(0);
    Plan {
        input: Input {
            demuxer: survey.demuxer.to_owned(),
            zero: survey.zero,
            video: picture.map(|video| video.stream.to_string()),
            pixels: picture.map_or(0, |video| u64::from(video.width) * u64::from(video.height)),
        },
        audio: sound_grid(&video.bounds, end),
        rungs: picture.map(|video| all_rungs(video, listed)).unwrap_or_default(),
        video,
        sounds,
        source: None,
    }
}

/// The plan of what is encoded beside a source that is played as it is; its own sound is served with every rung.
///
/// Shape: empty where the source is no larger than the lowest rung, or has no picture
#[must_use]
pub fn plan_below_source(probe: &Probe, head: &IndexHead, listed: &[u32]) -> Plan {
    let track = head
        .tracks()
        .iter()
        .find(|track| matches!(track.kind, TrackKind::Video(_)));
    let (Some(track), Some(shown)) = (track, &probe.video) else {
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
    // Times went through other units: a tick short would be a key frame short.
    let pieces = pieces(&bounds, |start, _| {
        (Some(start + u64::from(start > 0) * MILLISECOND), None)
    });
    Plan {
        input: Input {
            demuxer: "mov".to_owned(),
            zero: 0,
            // The track that is played as it is, whichever comes first.
            video: Some(format!("i:{}", shown.id)),
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
    /// A plan that asks for nothing.
    #[must_use]
    pub fn none() -> Self {
        Self {
            input: Input {
                demuxer: String::new(),
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

/// The listed rungs below the picture, and one of its own size on top where it is no larger than the highest.
fn all_rungs(video: &SurveyVideo, listed: &[u32]) -> Vec<Rung> {
    let short_side = video.width.min(video.height);
    let make = |side: u32| rung(side, video.width, video.height, video.frame_rate);
    let below = listed.iter().filter(|&&side| side < short_side);
    let mut rungs: Vec<Rung> = below.map(|&side| make(side)).collect();
    if listed.last().is_none_or(|&cap| short_side <= cap) {
        let own = make(short_side);
        // An odd size is cut to an even one, which may be listed.
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

/// Segments begin with the first frame at or after each multiple of their length; the first one holds the first frame,
/// however late that comes.
fn grid_of_frames(video: &SurveyVideo, demuxer: &str) -> Track {
    let mut bounds = vec![0];
    let mut next = video.frames.first().map_or(SEGMENT, |frame| next_bound(frame.time));
    for frame in &video.frames {
        if frame.time >= next {
            bounds.push(frame.time);
            next = next_bound(frame.time);
        }
    }
    close(&mut bounds, video.end);
    let frames = &video.frames;
    let pieces = pieces(&bounds, |start, end| {
        (jump(frames, start, demuxer), Some(count(frames, start, end)))
    });
    Track { bounds, pieces }
}

/// The multiple of a segment's length that comes next, but for one that would leave a stub.
fn next_bound(after: u64) -> u64 {
    (after.saturating_add(SHORTEST) / SEGMENT)
        .saturating_add(1)
        .saturating_mul(SEGMENT)
}

/// The picture's grid, and multiples of a segment's length beyond it, up to the sound's end.
fn sound_grid(picture: &[u64], end: u64) -> Track {
    if end == 0 {
        return Track::default();
    }
    let mut bounds: Vec<u64> = picture.iter().copied().take_while(|&bound| bound < end).collect();
    if bounds.is_empty() {
        bounds.push(0);
    }
    let from = bounds.last().copied().unwrap_or(0);
    if picture.last().is_none_or(|&last| last < end) {
        bounds.extend(
            (next_bound(from) / SEGMENT..)
                .map(|n| n * SEGMENT)
                .take_while(|&bound| bound < end),
        );
    }
    close(&mut bounds, end);
    let pieces = pieces(&bounds, |_, _| (None, None));
    Track { bounds, pieces }
}

/// Puts the end behind the last bound, in place of one that would leave a stub.
fn close(bounds: &mut Vec<u64>, end: u64) {
    while bounds.len() > 1 && bounds.last().is_some_and(|&last| last.saturating_add(SHORTEST) > end) {
        bounds.pop();
    }
    let last = bounds.last().copied().unwrap_or(0);
    bounds.push(end.max(last.saturating_add(1)));
}

/// Cuts a grid into pieces; `known` tells a piece's seek and frames from its start and end.
fn pieces(bounds: &[u64], known: impl Fn(u64, u64) -> (Option<u64>, Option<u32>)) -> Vec<PlannedPiece> {
    let mut pieces = Vec::new();
    let (shortest, longest) = (PIECES[0], PIECES[PIECES.len() - 1]);
    let grid_end = bounds.last().copied().unwrap_or(0);
    let mut first = 0_usize;
    for (place, window) in bounds.windows(2).enumerate() {
        let (&[_, end], Some(&start)) = (window, bounds.get(first)) else {
            continue;
        };
        let usual = PIECES.get(pieces.len()).copied().unwrap_or(longest) * u64::from(TICKS);
        let part = (grid_end.saturating_sub(start) / PART_OF_REST).max(shortest * u64::from(TICKS));
        let last = place + 2 == bounds.len();
        if last || end.saturating_sub(start).saturating_add(SEGMENT / 2) >= usual.min(part) {
            let (seek, frames) = known(start, end);
            pieces.push(PlannedPiece {
                first: u32::try_from(first).unwrap_or(u32::MAX),
                segments: u32::try_from(place + 1 - first).unwrap_or(u32::MAX),
                seek,
                frames,
            });
            first = place + 1;
        }
    }
    pieces
}

/// Containers in which a jump leads to a place by its time alone, key frame or not.
const WITHOUT_INDEX: [&str; 2] = ["mpegts", "mpeg"];
/// How much before a key frame a jump goes there.
const RUN_UP: u64 = TICKS as u64;
/// ffmpeg jumps 3/23 s short of what it is told where frames are reordered; without this it would be a key frame short.
const SHORT_JUMP: u64 = 11_880;

/// Where to jump to, so that decoding begins with the last key frame at or before a time.
fn jump(frames: &[SurveyFrame], time: u64, demuxer: &str) -> Option<u64> {
    let until = frames.partition_point(|frame| frame.time <= time);
    let (before, behind) = frames.split_at_checked(until)?;
    let key = before.iter().rev().find(|frame| frame.key)?.time;
    if key == 0 {
        return Some(0);
    }
    if WITHOUT_INDEX.contains(&demuxer) {
        return Some(key.saturating_sub(RUN_UP));
    }
    let next = behind
        .iter()
        .find(|frame| frame.key)
        .map_or(u64::MAX, |frame| frame.time);
    Some(key + (next.saturating_sub(key) / 2).min(SHORT_JUMP))
}

fn count(frames: &[SurveyFrame], start: u64, end: u64) -> u32 {
    let from = frames.partition_point(|frame| frame.time < start);
    let to = frames.partition_point(|frame| frame.time < end);
    u32::try_from(to.saturating_sub(from)).unwrap_or(u32::MAX)
}

fn rescale(time: u64, timescale: u32) -> u64 {
    let scale = u128::from(timescale.max(1));
    let ticks = (u128::from(time) * u128::from(TICKS) + scale / 2) / scale;
    u64::try_from(ticks).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
