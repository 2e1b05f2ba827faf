//! The sample index: what is kept beside a source so that a segment needs one small block and no parsing.
//!
//! Shape:  `prefix (32 bytes) · head · blocks`. The head describes the tracks and their segments; each segment has one
//!         block with the sizes, times and places of its samples. All blocks of a track follow each other in order.
//! Errors: every part carries a checksum; whatever is damaged is an [`IndexError`]

mod checksum;
mod head;

use std::ops::Range;

pub(crate) use checksum::crc32;

use crate::error::IndexError;

/// The sample index of one source, as a scan makes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Index {
    pub(crate) head: IndexHead,
    pub(crate) blocks: Vec<u8>,
}

impl Index {
    /// The bytes to store beside the source.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = head::encode(&self.head);
        bytes.extend_from_slice(&self.blocks);
        bytes
    }

    /// Tells every segment where its block is in the encoded index: behind the head, one after the other.
    pub(crate) fn place_blocks(&mut self) {
        let mut at = crate::bytes::wide(head::encode(&self.head).len());
        for segment in self.head.tracks.iter_mut().flat_map(|track| &mut track.segments) {
            let length = segment.block.end.saturating_sub(segment.block.start);
            segment.block = at..at.saturating_add(length);
            at = segment.block.end;
        }
    }

    /// What the head of the encoded index states, without encoding it.
    #[must_use]
    pub fn head(&self) -> &IndexHead {
        &self.head
    }
}

/// The head of a sample index: all that playlists and init segments need.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexHead {
    pub(crate) source_length: u64,
    pub(crate) tracks: Vec<IndexTrack>,
}

impl IndexHead {
    /// How many bytes [`IndexHead::length`] needs.
    pub const PREFIX: usize = 32;

    /// How many bytes [`IndexHead::decode`] needs, inferred from the first [`IndexHead::PREFIX`] bytes.
    pub fn length(first: &[u8]) -> Result<u64, IndexError> {
        head::length(first)
    }

    /// Reads the head from the first bytes of an encoded index.
    ///
    /// Shape: at least [`IndexHead::length`] bytes; more do no harm
    pub fn decode(bytes: &[u8]) -> Result<Self, IndexError> {
        head::decode(bytes)
    }

    /// The length of the source that the index was made from.
    #[must_use]
    pub fn source_length(&self) -> u64 {
        self.source_length
    }

    /// The tracks: the video first, if there is one, then the audio in file order.
    #[must_use]
    pub fn tracks(&self) -> &[IndexTrack] {
        &self.tracks
    }
}

/// One track, served as one rendition.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexTrack {
    /// Video or audio, and what a playlist states about it.
    pub kind: TrackKind,
    /// The name for `CODECS` as in RFC 6381.
    pub codec_string: String,
    /// Ticks a second in `segments`.
    pub timescale: u32,
    /// The init segment.
    pub init: Vec<u8>,
    /// The segments in order, without gaps: each starts where the one before ends, the first at 0.
    pub segments: Vec<Segment>,
    /// Bits a second of the segment with the highest rate.
    pub peak_bit_rate: u64,
    /// Bits a second over the whole track, as segments.
    pub average_bit_rate: u64,
}

/// What kind of track it is.
#[derive(Clone, Debug, PartialEq)]
pub enum TrackKind {
    /// H.264.
    Video(VideoShape),
    /// AAC-LC.
    Audio(AudioShape),
}

/// What a playlist states about video.
#[derive(Clone, Debug, PartialEq)]
pub struct VideoShape {
    /// Pixels across as shown.
    pub width: u32,
    /// Pixels down as shown.
    pub height: u32,
    /// Frames a second on average, to three decimals.
    pub frame_rate: f64,
}

/// What a playlist states about audio.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AudioShape {
    /// Channels.
    pub channels: u16,
    /// Samples a second.
    pub sample_rate: u32,
    /// The ISO 639-2 code of the language, where the file states one.
    pub language: Option<String>,
}

/// One segment of a track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Lecture time (zero = the lecture's zero) in ticks of the track.
    pub start: u64,
    /// Ticks until the next segment starts, or until the track ends.
    pub duration: u64,
    /// The whole length of the segment in bytes.
    pub bytes: u64,
    /// Where its block is in the encoded index.
    pub block: Range<u64>,
    pub(crate) decode_time: u64,
    pub(crate) checksum: u32,
}
