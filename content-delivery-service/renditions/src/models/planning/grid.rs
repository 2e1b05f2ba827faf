//! The grid of segments, and the pieces in which they are encoded.

use super::byte_ranges;
use crate::models::plan::{KeyFrame, PlannedPiece, Track};
use crate::models::survey::{SurveyAudio, SurveyFrame, SurveyVideo};
use fmp4::TICKS;

/// The usual length of segments, if the source does not give them.
const SEGMENT: u64 = 5 * TICKS as u64;
/// The shortest last segment, unless it is the only one.
const SHORTEST: u64 = TICKS as u64;
/// The lengths of the first pieces in seconds; later ones are as long as the last of these.
const PIECES: [u64; 5] = [10, 10, 20, 40, 60];
/// No piece is longer than the rest divided by this, so that workers that share a lecture end at about the same time.
const PART_OF_REST: u64 = 3;

/// Segments begin with the first frame at or after each multiple of their length; the first segment contains the first
/// frame, however late it is. After the last frame, segments go on to the end of the lecture.
///
/// Also returns the time of the last frame if segments begin after it.
pub(super) fn of_frames(video: &SurveyVideo, frames: &[SurveyFrame], lecture_end: u64) -> (Track, Option<u64>) {
    let mut bounds = vec![0];
    let mut next = frames.first().map_or(SEGMENT, |frame| next_bound(frame.time));
    for frame in frames {
        if frame.time >= next {
            bounds.push(frame.time);
            next = next_bound(frame.time);
        }
    }
    let end = video.end.max(lecture_end);
    bounds.extend(multiples(next, end));
    close(&mut bounds, end);
    let last = frames.last().map_or(0, |frame| frame.time);
    let is_after = bounds.iter().rev().nth(1).is_some_and(|&start| start > last);
    let pieces = pieces(&bounds, |start, end, piece| {
        piece.key_frame = key_frame(video, start);
        piece.frames = Some(count(frames, start, end));
        piece.bytes = byte_ranges::of_picture(video, piece.key_frame, end);
    });
    (Track { bounds, pieces }, is_after.then_some(last))
}

/// The next multiple of a segment's length, except one that would leave a stub.
fn next_bound(after: u64) -> u64 {
    (after.saturating_add(SHORTEST) / SEGMENT)
        .saturating_add(1)
        .saturating_mul(SEGMENT)
}

/// The multiples of a segment's length from one of them up to an end.
fn multiples(from: u64, end: u64) -> impl Iterator<Item = u64> {
    (from / SEGMENT..)
        .map(|n| n * SEGMENT)
        .take_while(move |&bound| bound < end)
}

/// The picture's grid; if there is no picture, multiples of a segment's length up to the end of the lecture.
pub(super) fn of_sounds(picture: &[u64], sounds: &[&SurveyAudio], lecture_end: u64) -> Track {
    if sounds.is_empty() {
        return Track::default();
    }
    let mut bounds = picture.to_vec();
    if bounds.is_empty() {
        bounds.push(0);
        bounds.extend(multiples(SEGMENT, lecture_end));
        close(&mut bounds, lecture_end);
    }
    let pieces = pieces(&bounds, |start, end, piece| {
        piece.bytes = byte_ranges::of_sounds(sounds, start, end);
    });
    Track { bounds, pieces }
}

/// Adds the end, in place of bounds that would leave a stub.
fn close(bounds: &mut Vec<u64>, end: u64) {
    while bounds.len() > 1 && bounds.last().is_some_and(|&last| last.saturating_add(SHORTEST) > end) {
        bounds.pop();
    }
    let last = bounds.last().copied().unwrap_or(0);
    bounds.push(end.max(last.saturating_add(1)));
}

/// Cuts a grid into pieces; `describe` gets the start and end of each and completes it.
pub(super) fn pieces(bounds: &[u64], describe: impl Fn(u64, u64, &mut PlannedPiece)) -> Vec<PlannedPiece> {
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
            let mut piece = PlannedPiece {
                first: u32::try_from(first).unwrap_or(u32::MAX),
                segments: u32::try_from(place + 1 - first).unwrap_or(u32::MAX),
                key_frame: None,
                frames: None,
                bytes: None,
            };
            describe(start, end, &mut piece);
            pieces.push(piece);
            first = place + 1;
        }
    }
    pieces
}

/// The last key frame at or before a time.
pub(super) fn key_frame(video: &SurveyVideo, time: u64) -> Option<KeyFrame> {
    let until = video.frames.partition_point(|frame| frame.time <= time);
    let (before, behind) = video.frames.split_at_checked(until)?;
    let at = before.iter().rev().find(|frame| frame.key)?.time;
    let next = behind
        .iter()
        .find(|frame| frame.key)
        .map_or(video.end, |frame| frame.time);
    Some(KeyFrame { at, next: Some(next) })
}

fn count(frames: &[SurveyFrame], start: u64, end: u64) -> u32 {
    let from = frames.partition_point(|frame| frame.time < start);
    let to = frames.partition_point(|frame| frame.time < end);
    u32::try_from(to.saturating_sub(from)).unwrap_or(u32::MAX)
}
