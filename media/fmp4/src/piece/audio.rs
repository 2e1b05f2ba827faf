//! Audio: AAC frames as segments that follow the video's.

use bytes::Bytes;

use super::{AudioConfig, Piece, TICKS, Writer};
use crate::bytes::wide;
use crate::codec::aac::AacConfig;
use crate::error::PieceError;
use crate::samples::Block;
use crate::segment::init;

/// Samples per frame.
const FRAME: u32 = 1024;
/// The most bits of a frame per channel.
///
/// Source: ISO/IEC 14496-3 §4.5.3.1
const MAX_BITS: u64 = 6144;

/// Makes a piece of AAC-LC.
///
/// Shape:  `counts` has the number of frames of each segment, which add up to `frames`; `first_frame` is the number of
///         the first of them in the rendition, whose frame 0 starts at the lecture's zero; `first` is the number of the
///         first segment
/// Units:  the track's timescale is its sample rate
/// Errors: if the counts don't add up, or a segment has no frame
pub fn audio_piece(
    frames: &[Bytes],
    config: &AudioConfig,
    first_frame: u64,
    counts: &[u32],
    first: u32,
) -> Result<Piece, PieceError> {
    let sum: u64 = counts.iter().map(|&count| u64::from(count)).sum();
    if sum != wide(frames.len()) {
        return Err(PieceError::Asked("the counts of the segments do not match the frames"));
    }
    let out_of_range = PieceError::Asked("its frames are out of range");
    let parsed = AacConfig::parse(&config.specific())?;
    let data = frames.iter().map(Bytes::len).sum();
    let mut writer = Writer::new(false, first, data);
    let (mut rest, mut number) = (frames, first_frame);
    for (segment, &count) in (0..).zip(counts) {
        let split = usize::try_from(count)
            .ok()
            .and_then(|count| rest.split_at_checked(count));
        let (own, others) = split.ok_or(out_of_range)?;
        if own.is_empty() {
            return Err(PieceError::NoFrames { segment });
        }
        let mut block = Block::default();
        let mut at = 0_u64;
        for frame in own {
            let end = at.saturating_add(wide(frame.len()));
            block.push(FRAME, 0, at..end)?;
            at = end;
        }
        let decode_time = number
            .checked_mul(FRAME.into())
            .and_then(|time| time.checked_add(config.sample_rate().into()))
            .ok_or(out_of_range)?;
        let duration = count.checked_mul(FRAME).ok_or(out_of_range)?;
        writer.add(decode_time, duration, &block, own.iter().map(Bytes::as_ref))?;
        number = number.saturating_add(count.into());
        rest = others;
    }
    if writer.segments.is_empty() {
        return Err(PieceError::NoFrames { segment: 0 });
    }
    Ok(Piece {
        init: init_segment(config),
        codec_string: parsed.codec_string(),
        width: 0,
        height: 0,
        segments: writer.segments,
        frames: u32::try_from(sum).map_err(|_| out_of_range)?,
        bytes: writer.bytes,
    })
}

fn init_segment(config: &AudioConfig) -> Vec<u8> {
    let specific = config.specific();
    // The frames' real rate differs between pieces, so the init segment states the allowed maximum and no average.
    let peak = u64::from(config.sample_rate()) * u64::from(config.channels()) * MAX_BITS / u64::from(FRAME);
    init::audio(
        config.sample_rate(),
        None,
        &init::AudioInit {
            channels: config.channels(),
            sample_rate: config.sample_rate(),
            config: &specific,
            peak,
            average: 0,
        },
    )
}

/// The number of the first AAC frame after each bound: the one that starts at most half a frame before it.
///
/// Units: bounds in lecture time of [`TICKS`] per second
/// Shape: one number per bound, in order if the bounds are; segment `n` has the frames from number `n` up to, but not
///        including, number `n + 1`
#[must_use]
pub fn audio_cuts(bounds: &[u64], sample_rate: u32) -> Vec<u64> {
    let frame = u128::from(FRAME) * u128::from(TICKS);
    let cut = |&bound: &u64| {
        let samples = u128::from(bound) * u128::from(sample_rate);
        let number = samples.saturating_sub(frame / 2).div_ceil(frame);
        u64::try_from(number).unwrap_or(u64::MAX)
    };
    bounds.iter().map(cut).collect()
}
