//! FLV as a stream of bytes: how encoders take and make it.
//!
//! Source: Flash Video File Format E.2 to E.4.1

use super::{FlvError, Tag, TagKind};
use crate::frame::{Frame, H264};
use bytes::{Buf, BufMut, Bytes, BytesMut};

const HEADER: usize = 9;
const TAG_HEADER: usize = 11;
/// The length of the number behind each tag.
const TRAILER: usize = 4;
const SOUND: u8 = 8;
const PICTURE: u8 = 9;

/// Writes pictures as FLV.
#[derive(Debug)]
pub struct FileWriter {
    /// The time of the stream's timestamp 0.
    ///
    /// Units: milliseconds
    zero: i64,
}

impl FileWriter {
    /// A stream whose timestamp 0 is this time; also returns its header.
    ///
    /// Units: milliseconds
    #[must_use]
    pub fn new(zero: i64) -> (Self, Bytes) {
        // Version 1, with pictures only.
        (Self { zero }, Bytes::from_static(b"FLV\x01\x01\0\0\0\x09\0\0\0\0"))
    }

    /// The tag that configures the decoder before a picture.
    #[must_use]
    pub fn configuration(&self, sets: &H264, before: &Frame) -> Bytes {
        let record = sets.record();
        self.tag(before, &[0x17, 0, 0, 0, 0], &record)
    }

    /// The tag of a picture.
    #[must_use]
    pub fn picture(&self, frame: &Frame) -> Bytes {
        let [_, high, middle, low] = (frame.shown_after / 90).to_be_bytes();
        let first = if frame.key { 0x17 } else { 0x27 };
        self.tag(frame, &[first, 1, high, middle, low], &frame.data)
    }

    fn tag(&self, frame: &Frame, header: &[u8], data: &[u8]) -> Bytes {
        let time = frame.decoded_at.div_euclid(90) - self.zero;
        let [highest, high, middle, low] = u32::try_from(time.max(0)).unwrap_or(u32::MAX).to_be_bytes();
        let length = u32::try_from(header.len() + data.len()).unwrap_or(u32::MAX);
        let [_, a, b, c] = length.to_be_bytes();
        let mut out = BytesMut::with_capacity(TAG_HEADER + header.len() + data.len() + TRAILER);
        out.extend_from_slice(&[PICTURE, a, b, c, high, middle, low, highest, 0, 0, 0]);
        out.extend_from_slice(header);
        out.extend_from_slice(data);
        out.put_u32(length + 11);
        out.freeze()
    }
}

/// Extracts tags from an FLV stream that arrives in chunks.
#[derive(Debug, Default)]
pub struct FileReader {
    rest: BytesMut,
    has_begun: bool,
}

impl FileReader {
    /// Starts at the beginning of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.rest.extend_from_slice(bytes);
    }

    /// Returns the next complete tag of sound or pictures.
    ///
    /// Errors: it is not an FLV stream
    pub fn next_tag(&mut self) -> Result<Option<Tag>, FlvError> {
        if !self.has_begun {
            let Some(header) = self.rest.get(..HEADER + TRAILER) else {
                return Ok(None);
            };
            if !header.starts_with(b"FLV\x01") {
                return Err(FlvError::Malformed("it is not an FLV stream"));
            }
            self.rest.advance(HEADER + TRAILER);
            self.has_begun = true;
        }
        loop {
            let Some(&[kind, a, b, c, high, middle, low, highest, ..]) = self.rest.first_chunk::<TAG_HEADER>() else {
                return Ok(None);
            };
            let length = usize::try_from(u32::from_be_bytes([0, a, b, c])).unwrap_or(usize::MAX);
            if self.rest.len() < TAG_HEADER + length + TRAILER {
                return Ok(None);
            }
            self.rest.advance(TAG_HEADER);
            let body = self.rest.split_to(length).freeze();
            self.rest.advance(TRAILER);
            let kind = match kind {
                SOUND => TagKind::Sound,
                PICTURE => TagKind::Picture,
                _ => continue,
            };
            let timestamp = u32::from_be_bytes([highest, high, middle, low]);
            return Ok(Some(Tag { kind, timestamp, body }));
        }
    }
}
