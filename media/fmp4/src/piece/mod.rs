//! Pieces: an encoder's output for a part of a lecture, as segments of a rendition.
//!
//! Pieces are encoded separately, some again after a crash, and still join without a seam: the decode times of every
//! segment start exactly where the previous segment's end, whatever the encoder wrote, and the init segment depends only
//! on the encoder's parameters.

mod adts;
mod audio;
mod times;
mod units;
mod video;

pub use adts::{AdtsReader, AudioConfig};
pub use audio::{audio_cuts, audio_piece};
pub use video::video_piece;

use crate::error::{IndexError, PieceError};
use crate::samples::Block;
use crate::segment::moof::{self, Media};

/// Ticks per second of lecture times and of every encoded video track.
pub const TICKS: u32 = 90_000;

/// One rendition's piece: the bytes to store, their segments, and the init segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The init segment; all pieces of a rendition must have the same one to be joined.
    pub init: Vec<u8>,
    /// The name for `CODECS` as in RFC 6381.
    pub codec_string: String,
    /// Width in pixels; 0 for audio.
    pub width: u32,
    /// Height in pixels; 0 for audio.
    pub height: u32,
    /// The segments in order.
    pub segments: Vec<PieceSegment>,
    /// The number of video or audio frames in all segments.
    pub frames: u32,
    /// The segments, one after the other.
    pub bytes: Vec<u8>,
}

/// One segment of a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PieceSegment {
    /// Ticks of the track's timescale: [`TICKS`] of video, the sample rate of audio.
    pub duration: u32,
    /// The whole length of the segment.
    pub bytes: u32,
}

/// Writes segments one after the other.
struct Writer {
    video: bool,
    /// The number of the piece's first segment in its rendition.
    first: u32,
    segments: Vec<PieceSegment>,
    bytes: Vec<u8>,
}

impl Writer {
    /// Shape: reserves space for `data` bytes of samples
    fn new(video: bool, first: u32, data: usize) -> Self {
        Self {
            video,
            first,
            segments: Vec::new(),
            bytes: Vec::with_capacity(data),
        }
    }

    /// Adds a segment of these samples.
    fn add<'a>(
        &mut self,
        decode_time: u64,
        duration: u32,
        block: &Block,
        samples: impl Iterator<Item = &'a [u8]>,
    ) -> Result<(), PieceError> {
        let too_long = PieceError::Timeline("a segment is too long");
        let sequence = u32::try_from(self.segments.len())
            .ok()
            .and_then(|place| self.first.checked_add(place)?.checked_add(1))
            .ok_or(PieceError::Asked("the number of a segment is out of range"))?;
        let media = Media::of(self.video);
        let bytes = u32::try_from(moof::length(media, block)).map_err(|_| too_long)?;
        let head = moof::head(sequence, decode_time, media, block);
        self.bytes
            .extend(head.map_err(|_: IndexError| PieceError::Timeline("a segment is too long"))?);
        samples.for_each(|sample| self.bytes.extend_from_slice(sample));
        self.segments.push(PieceSegment { duration, bytes });
        Ok(())
    }
}
