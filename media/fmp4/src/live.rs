//! Tracks whose frames come one by one: init segments from what a publisher says, and parts of segments.

use bytes::Bytes;

use crate::boxes::put_u16;
use crate::bytes::wide;
use crate::codec::aac::AacConfig;
use crate::codec::avc::AvcConfig;
use crate::error::PieceError;
use crate::movie::Orientation;
use crate::piece::TICKS;
use crate::samples::Block;
use crate::segment::init;
use crate::segment::moof::{self, Media};

/// A track with its init segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveTrack {
    /// The init segment.
    pub init: Vec<u8>,
    /// The name for `CODECS` as in RFC 6381.
    pub codec_string: String,
    /// Ticks per second of its samples.
    pub timescale: u32,
    /// Displayed width in pixels; 0 for sound.
    pub width: u32,
    /// Displayed height in pixels; 0 for sound.
    pub height: u32,
    /// The number of channels; 0 for a picture.
    pub channels: u16,
}

/// One sample of a part.
///
/// Units: ticks of the track
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveSample {
    /// The time until the next sample is decoded.
    pub duration: u32,
    /// How much later than it is decoded it is shown.
    pub offset: i32,
    /// Whether a decoder can begin here.
    pub key: bool,
    /// Its bytes.
    pub data: Bytes,
}

impl LiveTrack {
    /// A track of H.264 with these parameter sets, as NAL units.
    ///
    /// Shape:  pictures as NAL units after lengths of four bytes, without parameter sets
    /// Errors: if the parameter sets can't be read, or describe what browsers can't play
    pub fn h264(sps: &[u8], pps: &[Bytes]) -> Result<Self, PieceError> {
        let record = avc_record(sps, pps)?;
        let config = AvcConfig::parse(&record)?;
        if let Some(obstacle) = config.obstacle() {
            return Err(obstacle.into());
        }
        let side = |pixels: u32| u16::try_from(pixels).map_err(|_| PieceError::Format("too large"));
        let (width, height) = (config.sps.width, config.sps.height);
        let pixel_aspect = config.sps.pixel_aspect.filter(|(x, y)| x != y);
        let (x, y) = pixel_aspect.unwrap_or((1, 1));
        let shown = u64::from(width) * u64::from(x) / u64::from(y.max(1));
        let shown = u32::try_from(shown)
            .ok()
            .filter(|shown| (1..=0xffff).contains(shown))
            .unwrap_or(width);
        let init = init::video(
            TICKS,
            None,
            &init::VideoInit {
                format: *b"avc1",
                width: side(width)?,
                height: side(height)?,
                pixel_aspect,
                shown: (shown, height),
                orientation: Orientation::default(),
                config: &record,
                colour: None,
            },
        );
        Ok(Self {
            init,
            codec_string: config.codec_string(*b"avc1"),
            timescale: TICKS,
            width: shown,
            height,
            channels: 0,
        })
    }

    /// A track of AAC with this `AudioSpecificConfig`.
    ///
    /// Shape:  packets without headers
    /// Errors: if the configuration can't be read, or leaves the channels or the rate open
    pub fn aac(specific: &[u8]) -> Result<Self, PieceError> {
        let config = AacConfig::parse(specific)?;
        if config.channels == 0 || config.sample_rate == 0 {
            return Err(PieceError::Format("AAC without channels or rate"));
        }
        let track = init::AudioInit {
            channels: config.channels,
            sample_rate: config.sample_rate,
            config: specific,
            peak: 0,
            average: 0,
        };
        Ok(Self {
            init: init::audio(config.sample_rate, None, &track),
            codec_string: config.codec_string(),
            timescale: config.sample_rate,
            width: 0,
            height: 0,
            channels: config.channels,
        })
    }

    /// A track of Opus at 48 kHz with one or two channels.
    #[must_use]
    pub fn opus(channels: u8) -> Self {
        let channels = channels.clamp(1, 2);
        Self {
            init: init::opus(channels),
            codec_string: "opus".to_owned(),
            timescale: init::OPUS_RATE.into(),
            width: 0,
            height: 0,
            channels: channels.into(),
        }
    }
}

/// Writes a part of a segment: one `moof` and one `mdat`.
///
/// Shape:  `video` or sound, by the track; `sequence` counts the parts of the track
/// Errors: if the samples don't fit in 32-bit boxes
pub fn live_part(sequence: u32, decode_time: u64, video: bool, samples: &[LiveSample]) -> Result<Bytes, PieceError> {
    let too_long = PieceError::Timeline("a part is too long");
    let mut block = Block::default();
    let mut at = 0_u64;
    for sample in samples {
        let end = at.saturating_add(wide(sample.data.len()));
        if sample.key && video {
            block.mark_key_frame();
        }
        block.push(sample.duration, sample.offset, at..end)?;
        at = end;
    }
    let media = match samples.first() {
        _ if !video => Media::Audio,
        Some(first) if first.key => Media::Video,
        _ => Media::VideoWithin,
    };
    let mut bytes = moof::head(sequence, decode_time, media, &block).map_err(|_| too_long)?;
    bytes.reserve_exact(usize::try_from(at).map_err(|_| too_long)?);
    for sample in samples {
        bytes.extend_from_slice(&sample.data);
    }
    Ok(bytes.into())
}

/// The decoder configuration of H.264.
///
/// Source: ISO/IEC 14496-15 §5.3.3.1.2
fn avc_record(sps: &[u8], pps: &[Bytes]) -> Result<Vec<u8>, PieceError> {
    let malformed = PieceError::Malformed("a parameter set");
    let &[_, profile, constraints, level, ..] = sps else {
        return Err(malformed);
    };
    let count = u8::try_from(pps.len()).map_err(|_| malformed)?;
    let mut out = vec![1, profile, constraints, level, 0xff, 0xe1];
    put_unit(&mut out, sps)?;
    out.push(count);
    for unit in pps {
        put_unit(&mut out, unit)?;
    }
    if matches!(profile, 100 | 110 | 122 | 144) {
        // The fields are those of the only format that browsers play; the caller refuses all others.
        out.extend_from_slice(&[0xfd, 0xf8, 0xf8, 0]);
    }
    Ok(out)
}

fn put_unit(out: &mut Vec<u8>, unit: &[u8]) -> Result<(), PieceError> {
    let length = u16::try_from(unit.len()).map_err(|_| PieceError::Malformed("a parameter set"))?;
    put_u16(out, length);
    out.extend_from_slice(unit);
    Ok(())
}
