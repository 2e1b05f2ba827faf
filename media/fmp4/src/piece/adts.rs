//! AAC as a stream of ADTS frames.
//!
//! Source: ISO/IEC 14496-3 §1.A.2.2 (ADTS)

use bytes::Bytes;

use crate::bytes::{Short, narrow};
use crate::codec::aac::AacConfig;
use crate::error::PieceError;

/// The length of a header without a checksum.
const HEADER: usize = 7;
/// The place of 48 kHz in the table of sample rates.
const INDEX_OF_48_KHZ: u8 = 3;

/// The parameters that all frames of an AAC stream share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AudioConfig {
    specific: [u8; 2],
    sample_rate: u32,
    channels: u16,
}

impl AudioConfig {
    /// The AudioSpecificConfig.
    #[must_use]
    pub fn specific(&self) -> [u8; 2] {
        self.specific
    }

    /// Samples per second.
    #[must_use]
    pub fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    /// The number of channels.
    #[must_use]
    pub fn channels(&self) -> u16 {
        self.channels
    }

    /// The parameters of AAC-LC with one or two channels at 48 kHz.
    ///
    /// Errors: another number of channels
    pub fn at_48_khz(channels: u16) -> Result<Self, PieceError> {
        match u8::try_from(channels) {
            Ok(layout @ 1..=2) => Self::of(INDEX_OF_48_KHZ, layout),
            _ => Err(PieceError::Format("AAC of an unusual form")),
        }
    }

    /// A frame of silence; none unless it has one or two channels.
    ///
    /// Source: ISO/IEC 14496-3 §4.4.2.1: an element for each channel, or for the pair, without any coefficient
    #[must_use]
    pub fn silence(&self) -> Option<Bytes> {
        match self.channels {
            1 => Some(Bytes::from_static(&[0x00, 0xc8, 0x00, 0x80, 0x23, 0x80])),
            2 => Some(Bytes::from_static(&[
                0x21, 0x00, 0x49, 0x90, 0x02, 0x19, 0x00, 0x23, 0x80,
            ])),
            _ => None,
        }
    }

    /// Source: ISO/IEC 14496-3 §1.6.2.1
    fn of(rate_index: u8, layout: u8) -> Result<Self, PieceError> {
        let unusual = PieceError::Format("AAC of an unusual form");
        let packed = (2_u16 << 11) | (u16::from(rate_index) << 7) | (u16::from(layout) << 3);
        let specific = packed.to_be_bytes();
        let parsed = AacConfig::parse(&specific).map_err(|_| unusual)?;
        if !parsed.is_plain_low_complexity() {
            return Err(unusual);
        }
        let (sample_rate, channels) = (parsed.sample_rate, parsed.channels);
        Ok(Self {
            specific,
            sample_rate,
            channels,
        })
    }
}

/// Extracts frames from an ADTS stream that arrives in chunks.
///
/// Shape: holds less than one frame, 8 KiB, between chunks
#[derive(Debug, Default)]
pub struct AdtsReader {
    config: Option<AudioConfig>,
    rest: Vec<u8>,
}

impl AdtsReader {
    /// Starts at the beginning of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the frames that this chunk completes, without their headers.
    ///
    /// Errors: if the stream has anything but AAC-LC frames, or the frames' parameters change
    pub fn push(&mut self, chunk: &[u8]) -> Result<Vec<Bytes>, PieceError> {
        self.rest.extend_from_slice(chunk);
        let mut frames = Vec::new();
        let mut used = 0;
        while let Some((frame, length)) = self.frame(used)? {
            frames.push(frame);
            used += length;
        }
        self.rest.drain(..used.min(self.rest.len()));
        Ok(frames)
    }

    /// The frames' parameters, known from the first frame on.
    #[must_use]
    pub fn config(&self) -> Option<&AudioConfig> {
        self.config.as_ref()
    }

    /// Ends the stream.
    ///
    /// Errors: if it ends within a frame
    pub fn finish(self) -> Result<(), PieceError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(PieceError::Truncated("it ends within an audio frame"))
        }
    }

    /// The frame at a position, and its length including the header; `None` if it is incomplete.
    fn frame(&mut self, at: usize) -> Result<Option<(Bytes, usize)>, PieceError> {
        let rest = self.rest.get(at..).unwrap_or_default();
        let Some(header) = rest.first_chunk::<HEADER>() else {
            return Ok(None);
        };
        let header = Header::parse(header)?;
        match self.config {
            Some(config) if config != header.config => {
                return Err(PieceError::Parameters("those of the audio"));
            }
            _ => self.config = Some(header.config),
        }
        let frame = rest.get(..header.length).and_then(|frame| frame.get(header.before..));
        Ok(frame.map(|frame| (Bytes::copy_from_slice(frame), header.length)))
    }
}

struct Header {
    config: AudioConfig,
    /// The length of the frame, including the header.
    length: usize,
    /// The length of the header, including a checksum.
    before: usize,
}

impl Header {
    fn parse(header: &[u8; HEADER]) -> Result<Self, PieceError> {
        let bits = header.iter().fold(0_u64, |bits, &byte| (bits << 8) | u64::from(byte));
        // Fields by the number of bits behind them, of 56.
        let field = |behind: u32, width: u32| (bits >> behind) & ((1 << width) - 1);
        let byte = |field: u64| u8::try_from(field).map_err(|_| Short);
        if field(44, 12) != 0xfff || field(41, 2) != 0 {
            return Err(PieceError::Malformed("something that is not an audio frame"));
        }
        // The profile is the object type minus one.
        if field(38, 2) != 1 {
            return Err(PieceError::Format("not AAC-LC"));
        }
        if field(0, 2) != 0 {
            return Err(PieceError::Format("AAC with several blocks in a frame"));
        }
        let config = AudioConfig::of(byte(field(34, 4))?, byte(field(30, 3))?)?;
        let length = narrow(field(13, 13))?;
        let before = if field(40, 1) == 1 { HEADER } else { HEADER + 2 };
        if length <= before {
            return Err(PieceError::Malformed("an empty audio frame"));
        }
        Ok(Self { config, length, before })
    }
}
