//! Low-latency HLS without I/O: frames in, init segments, parts, segments and playlists out.
//!
//! Paths, relative to the generation: `{rendition}/media.m3u8`, `{rendition}/init-{number}.mp4`,
//! `{rendition}/{sequence}-{part}.m4s` (a part), `{rendition}/{sequence}.m4s` (a segment).

mod made;
mod rendition;

pub use made::{
    InitState, Made, MadePart, PackagerState, Ready, RenditionState, SegmentState, Targets,
};
pub use rendition::{Rendition, UnknownRendition};

use crate::frame::Frame;
use bytes::Bytes;

/// What a lecture's playlists look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// The plan generation, the first step of every path below the multivariant playlist.
    pub generation: u32,
    /// Whether playlists may leave out segments that a player knows (`CAN-SKIP-UNTIL`).
    pub delta_updates: bool,
    /// Whether the publisher sends key frames when it is asked. Without it, the first distance of key frames decides how
    /// long segments are.
    pub answers_requests: bool,
}

/// Packs the frames of one lecture.
#[derive(Debug)]
pub struct Packager {
    settings: Settings,
}

impl Packager {
    /// The packager of a lecture that begins.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }

    /// The packager of a lecture that goes on after a crash: its next frame starts a discontinuity.
    ///
    /// Shape: segments in order; what isn't known any more may be missing at the end of each rendition
    #[must_use]
    pub fn restore(settings: Settings, state: PackagerState) -> Self {
        drop(state);
        Self { settings }
    }

    /// Takes a frame. Frames of one track come in the order of their decoding; tracks may be interleaved in any way.
    ///
    /// Units: `now` in microseconds of UTC
    pub fn push(&mut self, frame: &Frame, now: i64) -> Vec<Made> {
        let _ = (frame, now);
        Vec::new()
    }

    /// Notices what did not come: call it about four times a second.
    ///
    /// Units: `now` in microseconds of UTC
    pub fn tick(&mut self, now: i64) -> Vec<Made> {
        let _ = now;
        Vec::new()
    }

    /// The publisher has gone, or another took over: segments end here, and the next frame starts a discontinuity. The
    /// time without a publisher is not in the lecture.
    pub fn interrupt(&mut self) -> Vec<Made> {
        Vec::new()
    }

    /// The lecture is over: the last segments end, and playlists become VOD with the same segments. Nothing is taken any
    /// more.
    pub fn end(&mut self) -> Vec<Made> {
        Vec::new()
    }

    /// Whether [`Packager::end`] was called.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        false
    }

    /// The renditions that have a playlist now, the picture's layers first.
    #[must_use]
    pub fn renditions(&self) -> Vec<Rendition> {
        Vec::new()
    }

    /// The playlist of the renditions; `None` before anything can be played.
    #[must_use]
    pub fn multivariant(&self) -> Option<Bytes> {
        let _ = self.settings;
        None
    }

    /// The playlist of a rendition, with older segments left out if `skip` and the settings allow; `None` if there is no
    /// such rendition. The same bytes again until something changed.
    #[must_use]
    pub fn playlist(&mut self, rendition: Rendition, skip: bool) -> Option<Bytes> {
        let _ = (rendition, skip);
        None
    }

    /// Whether the playlist has a segment, or a part of it (`_HLS_msn`, `_HLS_part`).
    #[must_use]
    pub fn ready(&self, rendition: Rendition, sequence: u32, part: Option<u32>) -> Ready {
        let _ = (rendition, sequence, part);
        Ready::Unknown
    }

    /// The part that comes next (which the playlist hints at, and a request for it may wait for).
    #[must_use]
    pub fn next_part(&self, rendition: Rendition) -> Option<(u32, u32)> {
        let _ = rendition;
        None
    }

    /// What the playlists promise, once it is known.
    #[must_use]
    pub fn targets(&self) -> Option<Targets> {
        None
    }

    /// What [`Packager::restore`] needs.
    #[must_use]
    pub fn state(&self) -> Option<PackagerState> {
        None
    }
}
