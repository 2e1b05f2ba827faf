//! The newest group of pictures of each layer, with the sound beside it.

use live::{Frame, Track};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Most bytes that are kept of one layer. A longer group of pictures is given up: late viewers wait for the next key frame.
const MOST_BYTES: usize = 4 << 20;
/// The longest time that is kept of one track.
///
/// Units: microseconds
const LONGEST: i64 = 10_000_000;

#[derive(Default)]
struct Group {
    frames: VecDeque<Arc<Frame>>,
    bytes: usize,
}

impl Group {
    fn clear(&mut self) {
        self.frames.clear();
        self.bytes = 0;
    }

    fn push(&mut self, frame: &Arc<Frame>) {
        self.bytes += frame.data.len();
        self.frames.push_back(Arc::clone(frame));
    }

    fn is_too_large(&self) -> bool {
        let ends = self.frames.front().zip(self.frames.back());
        let time = ends.map_or(0, |(first, last)| moment(last) - moment(first));
        self.bytes > MOST_BYTES || time > LONGEST
    }
}

/// What a late listener begins with.
#[derive(Default)]
pub(super) struct Kept(BTreeMap<Track, Group>);

impl Kept {
    pub(super) fn push(&mut self, frame: &Arc<Frame>) {
        let group = self.0.entry(frame.track).or_default();
        if frame.track == Track::Sound {
            group.push(frame);
            while group.is_too_large()
                && let Some(oldest) = group.frames.pop_front()
            {
                group.bytes -= oldest.data.len();
            }
            return;
        }
        if frame.key {
            group.clear();
        }
        // What follows a group that was given up can't be decoded.
        if frame.key || !group.frames.is_empty() {
            group.push(frame);
        }
        if group.is_too_large() {
            group.clear();
        }
    }

    /// All of it in the order of its times, and of the sound only what belongs to the pictures.
    pub(super) fn frames(&self) -> VecDeque<Arc<Frame>> {
        let pictures = self.0.iter().filter(|(track, _)| **track != Track::Sound);
        let begins = pictures
            .filter_map(|(_, group)| group.frames.front())
            .map(|it| moment(it))
            .min();
        let all = self.0.values().flat_map(|group| &group.frames);
        let due = all.filter(|frame| begins.is_some_and(|begins| moment(frame) >= begins));
        let mut frames: Vec<_> = due.map(Arc::clone).collect();
        frames.sort_by_key(|frame| moment(frame));
        frames.into()
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

/// When a frame is decoded.
///
/// Units: microseconds
pub(super) fn moment(frame: &Frame) -> i64 {
    let ticks = i128::from(frame.decoded_at) * 1_000_000 / i128::from(frame.format.timescale().max(1));
    i64::try_from(ticks).unwrap_or(i64::MAX)
}
