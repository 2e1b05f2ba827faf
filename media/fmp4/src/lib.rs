//! ISO base media files: reads MP4 and MOV, indexes their samples, writes CMAF segments.
//!
//! This crate does no I/O. A [`Scanner`] requests byte ranges, step by step, until it is done; its [`Scan`] describes the
//! media and states whether segments can be cut from the stored bytes without encoding. If so, the [`Index`] is stored
//! beside the source; later a segment needs only the [`IndexHead`] and one block of the index. A segment consists of the
//! head of its [`SegmentPlan`] and the plan's source ranges, in order.
//!
//! An encoder's output for a part of a lecture becomes a [`Piece`] of a rendition: segments with the times of the grid, so
//! that separately encoded pieces join without a gap or an overlap.
//!
//! Times: the lecture's zero is media time one second in every track, so that times shortly before it (priming packets of
//! audio, decode times of reordered frames) need no negative numbers. Segments have no edit list.
//!
//! Nothing in a file is trusted: a length must fit its enclosing box, and a count must fit its bytes. Wrong bytes lead to
//! an error, never to a panic or to an allocation larger than themselves.

mod boxes;
mod bytes;
mod choice;
mod codec;
mod error;
mod index;
mod live;
mod movie;
mod piece;
mod probe;
mod samples;
mod scan;
mod segment;
mod slices;
mod sniff;

pub use choice::{Candidate, choose_picture, choose_sounds};
pub use error::{IndexError, Obstacle, PieceError, ScanError};
pub use index::{AudioShape, Index, IndexHead, IndexTrack, Segment, TrackKind, VideoShape};
pub use live::{LiveSample, LiveTrack, live_part};
pub use piece::{AdtsReader, AudioConfig, Piece, PieceSegment, TICKS, audio_cuts, audio_piece, video_piece};
pub use probe::{AudioTrack, Probe, VideoTrack};
pub use scan::{Limits, Scan, Scanner, Step, Verdict};
pub use segment::plan::SegmentPlan;
pub use slices::{Chunks, TopBox, TopKind, chunks, is_fragment, is_movable, move_chunks};
pub use sniff::{Sniff, sniff};
