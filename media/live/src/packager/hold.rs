//! Frames that wait for the beginning of an epoch.
//!
//! A lecture begins with two seconds in which the packager learns how often pictures come; then, and after every
//! interruption, it begins with the first key frame. Sound before it is left out: nobody could see what it belongs to.

use super::clock::{self, ASK_AGAIN};
use super::made::Targets;
use crate::frame::{Frame, Track};
use std::collections::BTreeMap;

/// How long the first frames are watched.
/// Units: microseconds, as everything here
const WATCHED: i64 = 2_000_000;
/// How long a publisher that decides about its key frames is watched at most.
const WATCHED_FOR_KEYS: i64 = 5_000_000;
/// How long other layers' first key frames are awaited, whose times may be a little earlier.
const LAYERS: i64 = 100_000;
/// How long sound waits for a picture that the lecture had before.
const PICTURE: i64 = 1_500_000;
/// Whatever comes, nothing waits longer.
const PATIENCE: i64 = 12_000_000;

/// What the lecture knows when frames are held.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    /// Whether its playlists have promised something already.
    pub(super) targets: Option<Targets>,
    /// Whether it has shown a picture.
    pub(super) pictures: bool,
    /// Whether the publisher sends key frames when it is asked.
    pub(super) answers: bool,
}

/// Frames in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Hold {
    frames: Vec<(Frame, i64)>,
    layers: BTreeMap<u8, Layer>,
    asked: Option<i64>,
    /// The times of the first and of the newest frame.
    span: Option<(i64, i64)>,
    first_now: i64,
}

/// The pictures of one layer.
#[derive(Debug)]
struct Layer {
    /// The first and the newest key frame.
    keys: (i64, i64),
    newest: i64,
    count: u32,
    /// The longest distance of key frames.
    distance: Option<i64>,
}

impl Hold {
    /// Keeps a frame; returns the layer whose key frame is missing, twice a second at most.
    pub(super) fn push(&mut self, frame: &Frame, now: i64) -> Option<u8> {
        let at = time(frame);
        if self.frames.is_empty() && self.span.is_none() {
            self.first_now = now;
        }
        self.span = Some(
            self.span
                .map_or((at, at), |(first, newest)| (first.min(at), newest.max(at))),
        );
        if let Track::Picture(layer) = frame.track {
            if !self.layers.contains_key(&layer) && !frame.key {
                let recently = self.asked.is_some_and(|asked| now.saturating_sub(asked) < ASK_AGAIN);
                self.asked = if recently { self.asked } else { Some(now) };
                return (!recently).then_some(layer);
            }
            self.layers
                .entry(layer)
                .or_insert_with(|| Layer::new(at))
                .add(at, frame.key);
        }
        self.frames.push((frame.clone(), now));
        None
    }

    /// Whether the epoch can begin.
    pub(super) fn is_ready(&self, known: Known) -> bool {
        let Some((first, newest)) = self.span else {
            return false;
        };
        let span = newest.saturating_sub(first);
        let Some(key) = self.first_key() else {
            let awaited = match (known.targets.is_some(), known.pictures) {
                (true, false) => LAYERS,
                (true, true) => PICTURE,
                (false, _) => WATCHED,
            };
            return !self.frames.is_empty() && span >= awaited;
        };
        let since = newest.saturating_sub(key);
        match known.targets {
            Some(_) => since >= LAYERS,
            None if known.answers => since >= WATCHED,
            None => since >= WATCHED && (since >= WATCHED_FOR_KEYS || self.distance().is_some()),
        }
    }

    /// Whether frames have waited so long that the epoch begins with what is there.
    pub(super) fn is_overdue(&self, now: i64) -> bool {
        !self.frames.is_empty() && now.saturating_sub(self.first_now) >= PATIENCE
    }

    /// The time of the epoch's first frame and when it came.
    pub(super) fn first(&self) -> Option<(i64, i64)> {
        let first_key = self.first_key();
        let times = self.frames.iter().map(|(frame, now)| (time(frame), *now));
        times.filter(|&(at, _)| first_key.is_none_or(|key| at >= key)).min()
    }

    /// What the lecture can promise by these frames.
    pub(super) fn targets(&self, answers: bool) -> Targets {
        let slowest = self.layers.values().filter_map(Layer::interval).max();
        let interval = slowest.or(if self.layers.is_empty() { None } else { Some(1_000_000) });
        let distance = self.distance().and_then(|distance| u64::try_from(distance).ok());
        Targets::measured(interval, (!answers).then_some(distance))
    }

    /// The frames, with the times at which they came.
    pub(super) fn into_frames(self) -> Vec<(Frame, i64)> {
        self.frames
    }

    fn first_key(&self) -> Option<i64> {
        self.layers.values().map(|layer| layer.keys.0).min()
    }

    fn distance(&self) -> Option<i64> {
        self.layers.values().filter_map(|layer| layer.distance).max()
    }
}

impl Layer {
    fn new(at: i64) -> Self {
        Self {
            keys: (at, at),
            newest: at,
            count: 0,
            distance: None,
        }
    }

    fn add(&mut self, at: i64, key: bool) {
        if key && self.count > 0 {
            let distance = at.saturating_sub(self.keys.1);
            self.distance = Some(self.distance.map_or(distance, |longest| longest.max(distance)));
            self.keys.1 = at;
        }
        self.newest = self.newest.max(at);
        self.count = self.count.saturating_add(1);
    }

    /// The average distance of pictures.
    fn interval(&self) -> Option<u64> {
        let intervals = self.count.checked_sub(1).filter(|&intervals| intervals > 0)?;
        u64::try_from(self.newest.saturating_sub(self.keys.0) / i64::from(intervals)).ok()
    }
}

/// A frame's time on the publisher's clock in microseconds.
pub(super) fn time(frame: &Frame) -> i64 {
    clock::signed_micros(frame.decoded_at, frame.format.timescale())
}
