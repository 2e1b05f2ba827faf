//! The bytes of a source that contain the packets of a piece.

use crate::models::plan::KeyFrame;
use crate::models::survey::{Stretch, SurveyAudio, SurveyVideo};
use fmp4::{Index, TICKS};
use std::ops::Range;

/// The number of additional stretches on each side. In some containers, the position of a packet is that of a page or pack
/// which it shares with others; and what a reader needs first, such as a cluster's header or a table of streams, comes
/// shortly before the packets.
const MARGIN: usize = 1;
/// Decoding of sound begins up to this long before a piece, so that it continues without a seam.
const RUN_UP: u64 = 4 * TICKS as u64;

/// The bytes from a key frame, or the beginning, up to the last frame that is shown before `end`.
pub(super) fn of_picture(video: &SurveyVideo, from: Option<KeyFrame>, end: u64) -> Option<Range<u64>> {
    let start = from.map_or(0, |key_frame| key_frame.at);
    let first = video.frames.partition_point(|frame| frame.time < start);
    let last = video.frames.partition_point(|frame| frame.time < end);
    let frames = video.frames.get(first..last)?;
    // Stretches are in the order of decoding, frames in the order in which they are shown.
    let first = from.map_or(Some(0), |_| frames.first().map(|frame| frame.stretch))?;
    let last = frames.iter().map(|frame| frame.stretch).max()?;
    span(&video.stretches, place(first), place(last))
}

/// The bytes of all sounds between two times.
pub(super) fn of_sounds(sounds: &[&SurveyAudio], start: u64, end: u64) -> Option<Range<u64>> {
    let near = start.saturating_sub(RUN_UP);
    let mut all = None;
    for sound in sounds.iter().filter(|sound| sound.end > start) {
        let until = |time: u64| sound.stretches.partition_point(|stretch| stretch.from <= time);
        let (first, last) = (until(near).saturating_sub(1), until(end).saturating_sub(1));
        let own = span(&sound.stretches, first, last)?;
        all = Some(both(all, own));
    }
    all
}

/// The bytes of a track's segments, each of which begins with a key frame and needs nothing before it.
pub(super) fn of_segments(index: &Index, track: usize, segments: Range<u32>) -> Option<Range<u64>> {
    let mut all = None;
    for segment in segments {
        all = Some(both(all, index.source_span(track, place(segment))?));
    }
    all
}

/// From one stretch to another, with a margin on both sides.
fn span(stretches: &[Stretch], first: usize, last: usize) -> Option<Range<u64>> {
    let behind = last.saturating_add(1 + MARGIN).min(stretches.len());
    let taken = stretches.get(first.saturating_sub(MARGIN)..behind)?;
    let start = taken.iter().map(|stretch| stretch.bytes.start).min()?;
    let end = taken.iter().map(|stretch| stretch.bytes.end).max()?;
    (start < end).then_some(start..end)
}

/// The smallest range that contains two ranges.
fn both(one: Option<Range<u64>>, other: Range<u64>) -> Range<u64> {
    one.map_or(other.clone(), |one| one.start.min(other.start)..one.end.max(other.end))
}

fn place(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
