//! FLV: the tags that RTMP and FLV files carry, as frames and back.
//!
//! Source: Adobe Flash Video File Format Specification 10.1, annex E.4; Enhanced RTMP v2

mod clock;
mod file;
mod picture;
mod reader;
mod sound;

pub use file::{FileReader, FileWriter};
pub use reader::FlvReader;

use bytes::Bytes;

/// What a tag is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TagKind {
    /// Sound.
    Sound,
    /// A picture.
    Picture,
}

/// A tag as a publisher sends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// What it is about.
    pub kind: TagKind,
    /// Its time by the publisher's clock, which wraps.
    ///
    /// Units: milliseconds
    pub timestamp: u32,
    /// Its body: the codec's header, then its data.
    pub body: Bytes,
}

/// Why a tag can't be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FlvError {
    /// The pictures are not H.264.
    #[error("the pictures are not H.264")]
    PictureCodec,
    /// The sound is not AAC.
    #[error("the sound is not AAC-LC or HE-AAC with one or two channels")]
    SoundCodec,
    /// The bytes contradict the format.
    #[error("{0}")]
    Malformed(&'static str),
}
