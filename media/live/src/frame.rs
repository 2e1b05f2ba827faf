//! What every publisher's protocol makes, and every packager takes.

use bytes::Bytes;
use std::sync::Arc;

/// One encoding of a publisher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Track {
    /// The picture; simulcast sends several, and 0 is the smallest.
    Picture(u8),
    /// The sound.
    Sound,
}

/// What a decoder must know before a frame. Two frames with equal formats share an init segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Format {
    /// H.264.
    H264(H264),
    /// Opus at 48 kHz.
    Opus {
        /// One or two.
        channels: u8,
    },
    /// AAC; the bytes are an `AudioSpecificConfig`.
    Aac {
        /// Source: ISO/IEC 14496-3, 1.6.2.1
        config: Bytes,
    },
}

/// The parameter sets of an H.264 stream, as NAL units without start codes or lengths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct H264 {
    /// The sequence parameter set.
    pub sps: Bytes,
    /// The picture parameter sets, in order.
    pub pps: Vec<Bytes>,
}

impl Format {
    /// Ticks of one second in the times of frames of this format: 90,000 for pictures, the sample rate for sound.
    #[must_use]
    pub fn timescale(&self) -> u32 {
        match self {
            Self::H264(_) => 90_000,
            Self::Opus { .. } => 48_000,
            Self::Aac { config } => aac_rate(config),
        }
    }
}

/// The sample rate of an `AudioSpecificConfig`; 48,000 where it can't be read.
fn aac_rate(config: &[u8]) -> u32 {
    const RATES: [u32; 13] = [
        96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350,
    ];
    let (Some(first), Some(second)) = (config.first(), config.get(1)) else {
        return 48_000;
    };
    let index = usize::from((first & 7) << 1 | second >> 7);
    RATES.get(index).copied().unwrap_or(48_000)
}

/// One picture, or one packet of sound.
#[derive(Debug, Clone)]
pub struct Frame {
    /// The encoding that it belongs to.
    pub track: Track,
    /// What a decoder must know before it.
    pub format: Arc<Format>,
    /// When it is decoded, since the beginning of the lecture's clock, which all tracks share.
    /// Units: ticks of `format.timescale()`
    pub decoded_at: i64,
    /// How much later than `decoded_at` it is shown; 0 without B-frames.
    /// Units: ticks of `format.timescale()`
    pub shown_after: u32,
    /// A decoder can begin here: an IDR picture, or any packet of sound.
    pub key: bool,
    /// H.264: the NAL units of one access unit, each after its length in four bytes, without parameter sets and access
    /// unit delimiters. Sound: one packet.
    pub data: Bytes,
}
