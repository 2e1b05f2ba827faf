//! ISO base media files: reads MP4 and MOV, indexes their samples, writes CMAF segments.
//!
//! Nothing here opens a file. A [`Scanner`] says which byte ranges it wants and is stepped with the answers until it is
//! done; its [`Scan`] describes the media and says whether segments can be cut from the stored bytes as they are. Where
//! they can, the [`Index`] is stored beside the source; later [`IndexHead`] and one block of it are all that a segment
//! needs. A segment is the head bytes of its [`SegmentPlan`], followed by the plan's source ranges in order.
//!
//! What an encoder made of a part of a lecture becomes a [`Piece`] of a rendition: segments with the times of the grid, so
//! that pieces which were encoded apart are joined without a gap or an overlap.
//!
//! Times: the lecture's zero is media time one second in every track, so that what comes shortly before it (the priming
//! packets of audio, decode times of reordered frames) can be stated without negative numbers. No edit list is written.
//!
//! Nothing in a file is believed: a length must fit what encloses it, a count must fit its bytes, and an answer to wrong
//! bytes is an error, never a panic and never an allocation larger than the bytes that asked for it.

mod boxes;
mod bytes;
mod codec;
mod error;
mod index;
mod movie;
mod piece;
mod probe;
mod samples;
mod scan;
mod segment;
mod sniff;

pub use error::{IndexError, Obstacle, PieceError, ScanError};
pub use index::{AudioShape, Index, IndexHead, IndexTrack, Segment, TrackKind, VideoShape};
pub use piece::{AdtsReader, AudioConfig, Piece, PieceSegment, TICKS, audio_cuts, audio_piece, video_piece};
pub use probe::{AudioTrack, Probe, VideoTrack};
pub use scan::{Limits, Scan, Scanner, Step, Verdict};
pub use segment::plan::SegmentPlan;
pub use sniff::{Sniff, sniff};
