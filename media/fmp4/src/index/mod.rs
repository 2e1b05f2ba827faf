//! The sample index, stored beside a source, so that a segment needs one small block and no parsing.
//!
//! Shape:  `prefix (32 bytes) · head · blocks`. The head describes the tracks and their segments; each segment has one
//!         block with the sizes, times and positions of its samples. All blocks of a track follow each other in order.
//! Errors: every part has a checksum; damage is an [`IndexError`]

mod checksum;
mod head;

use std::ops::Range;

pub(crate) use checksum::crc32;

use crate::error::IndexError;

/// The sample index of one source, made by a scan.
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

    /// Sets the position of every segment's block in the encoded index: behind the head, one after the other.
    pub(crate) fn place_blocks(&mut self) {
        let mut at = crate::bytes::wide(head::encode(&self.head).len());
        for segment in self.head.tracks.iter_mut().flat_map(|track| &mut track.segments) {
            let length = segment.block.end.saturating_sub(segment.block.start);
            segment.block = at..at.saturating_add(length);
            at = segment.block.end;
        }
    }

    /// The head of the encoded index.
    #[must_use]
    pub fn head(&self) -> &IndexHead {
        &self.head
    }
}

/// The head of a sample index: everything that playlists and init segments need.
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
    /// Shape: at least [`IndexHead::length`] bytes; more are ignored
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
    /// Video or audio, with the facts for a playlist.
    pub kind: TrackKind,
    /// The name for `CODECS` as in RFC 6381.
    pub codec_string: String,
    /// Ticks per second in `segments`.
    pub timescale: u32,
    /// The init segment.
    pub init: Vec<u8>,
    /// The segments in order, without gaps: each starts where the previous one ends, the first at 0.
    pub segments: Vec<Segment>,
    /// Bits per second of the segment with the highest rate.
    pub peak_bit_rate: u64,
    /// Bits per second over all segments of the track.
    pub average_bit_rate: u64,
}

/// The kind of a track.
#[derive(Clone, Debug, PartialEq)]
pub enum TrackKind {
    /// H.264.
    Video(VideoShape),
    /// AAC-LC.
    Audio(AudioShape),
}

/// A playlist's facts about video.
#[derive(Clone, Debug, PartialEq)]
pub struct VideoShape {
    /// Displayed width in pixels.
    pub width: u32,
    /// Displayed height in pixels.
    pub height: u32,
    /// Average frames per second, to three decimals.
    pub frame_rate: f64,
}

/// A playlist's facts about audio.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AudioShape {
    /// The number of channels.
    pub channels: u16,
    /// Samples per second.
    pub sample_rate: u32,
    /// The ISO 639-2 code of the language, if the file states one.
    pub language: Option<String>,
}

/// One segment of a track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The start in lecture time, in ticks of the track.
    pub start: u64,
    /// Ticks until the next segment starts, or until the track ends.
    pub duration: u64,
    /// The whole length of the segment in bytes.
    pub bytes: u64,
    /// The position of its block in the encoded index.
    pub block: Range<u64>,
    pub(crate) decode_time: u64,
    pub(crate) checksum: u32,
}
