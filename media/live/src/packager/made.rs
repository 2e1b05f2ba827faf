//! What the packager hands to its caller.

use super::rendition::Rendition;
use bytes::Bytes;
use fmp4::PieceError;
use serde::{Deserialize, Serialize};

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

/// Something that the packager made, or asks for.
///
/// Shape: in the order in which a player needs them: an init segment before its first part, the parts of a segment before
///        the segment
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Made {
    /// An init segment, `init-{number}.mp4`.
    Init {
        /// Its playlist.
        rendition: Rendition,
        /// Its description, for the packager's state.
        init: InitState,
        /// Its bytes.
        bytes: Bytes,
    },
    /// A part, `{sequence}-{part}.m4s`.
    Part(MadePart),
    /// A segment is complete: its bytes are those of its parts, one after the other.
    Segment {
        /// Its playlist.
        rendition: Rendition,
        /// Its description, for the packager's state.
        segment: SegmentState,
    },
    /// The publisher should send a key frame of this layer.
    KeyFrame(u8),
    /// Frames of this format are left out of the playlists: browsers can't play it, or it can't be read.
    Unplayable {
        /// Its playlist.
        rendition: Rendition,
        /// Why.
        reason: PieceError,
    },
}

/// A part: one `moof` and one `mdat`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadePart {
    /// Its playlist.
    pub rendition: Rendition,
    /// The media sequence number of its segment.
    pub sequence: u32,
    /// Its place within the segment, counted from 0.
    pub part: u32,
    /// Its length in the playlist.
    /// Units: microseconds
    pub duration: u64,
    /// When it begins, by the wall clock.
    /// Units: microseconds, UTC
    pub programme_time: i64,
    /// It begins with a key frame.
    pub independent: bool,
    /// Its bytes.
    pub bytes: Bytes,
}

/// What the packager must know of an init segment after a crash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InitState {
    /// Counted from 0 in each rendition.
    pub number: u32,
    /// The name of the codec as in RFC 6381.
    pub codec: String,
    /// Pixels, as shown; 0 for sound.
    pub width: u32,
    /// Pixels, as shown; 0 for sound.
    pub height: u32,
    /// Channels of sound; 0 for a picture.
    pub channels: u8,
    /// Ticks per second of the segments that use it.
    pub timescale: u32,
}

/// What the packager must know of a segment after a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentState {
    /// Its media sequence number.
    pub sequence: u32,
    /// When it begins on the lecture's timeline.
    /// Units: microseconds
    pub start: u64,
    /// Units: microseconds
    pub duration: u64,
    /// When it begins, by the wall clock.
    /// Units: microseconds, UTC
    pub programme_time: i64,
    /// How many discontinuities the lecture had before it begins.
    pub discontinuities: u32,
    /// The number of its init segment.
    pub init: u32,
    /// The length of its file; 0 for a gap, which has no file.
    pub bytes: u64,
    /// How many frames it has; 0 for a gap.
    pub frames: u32,
    /// How much later its first frame is shown than it is decoded, with which it begins.
    /// Units: microseconds
    #[serde(default)]
    pub shown_after: u64,
    /// Whether decoding can begin with it.
    #[serde(default = "yes")]
    pub independent: bool,
}

/// Segments that were stored before this was known.
fn yes() -> bool {
    true
}

impl SegmentState {
    /// Whether the rendition had nothing to show meanwhile: such a segment has no file.
    #[must_use]
    pub fn is_gap(&self) -> bool {
        self.bytes == 0
    }
}

/// Everything that a packager needs to go on after a crash.
///
/// Shape: the caller keeps it beside the segments: `lecture` once it is known, each init segment and each segment as
///        [`Made`] reports them
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackagerState {
    /// What all playlists promised.
    pub targets: Targets,
    /// The renditions, each with its inits and segments in order.
    pub renditions: Vec<RenditionState>,
}

/// One rendition's share of [`PackagerState`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenditionState {
    /// Which one.
    pub rendition: Rendition,
    /// Its init segments in order.
    pub inits: Vec<InitState>,
    /// Its segments in order.
    pub segments: Vec<SegmentState>,
}

/// The promises of a lecture's playlists, which never change once they are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Targets {
    /// `EXT-X-TARGETDURATION`.
    /// Units: seconds
    pub segment: u32,
    /// `PART-TARGET`.
    /// Units: microseconds
    pub part: u64,
}

/// The answer to a request that waits for a part or a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ready {
    /// It is in the playlist (or can never be, since the lecture has ended): answer at once.
    Now,
    /// It isn't there yet: wait for the next change, at most [`Targets::wait`], then answer 503.
    Wait,
    /// It is too far ahead: answer 400.
    TooFar,
    /// There is no such rendition (yet): answer 404.
    Unknown,
}
