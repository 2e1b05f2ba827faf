//! Video: from an encoder's fragments to segments on the grid.

use std::ops::Range;

use super::times::times;
use super::units::is_key_frame;
use super::{Piece, TICKS, Writer};
use crate::bytes::{Short, narrow, wide};
use crate::codec::avc::AvcConfig;
use crate::error::PieceError;
use crate::movie::{Entry, Movie, Orientation, Span, Track, VideoEntry};
use crate::samples::{Block, Packed, Samples};
use crate::scan::{Layout, Walk};
use crate::segment::init;

/// How far rounding between timescales may move a frame.
const ROUNDED: i64 = 1;

/// A frame in decoding order.
struct Frame {
    /// Presentation time in lecture time.
    shown: i64,
    place: Range<usize>,
    key: bool,
}

/// Makes a piece of H.264 in fragmented MP4.
///
/// The encoder's times assign frames to segments; decode times are recomputed. The first frame of a segment is shown from
/// the segment's bound, every other one at the encoder's time.
///
/// Shape:  `bounds` are those of the piece's segments, one more than segments; `first` is the number of its first
///         segment in the rendition
/// Units:  lecture time and the encoder's time in [`TICKS`]; a segment's first frame is decoded `delay` before its bound,
///         which is the same in all pieces of a rendition
/// Errors: if frames are outside the bounds, or a segment does not start with its own key frame
pub fn video_piece(encoded: &[u8], bounds: &[u64], first: u32, delay: u32) -> Result<Piece, PieceError> {
    let grid = grid(bounds)?;
    let layout = layout(encoded)?;
    let movie = Movie::parse(&layout.moov)?;
    let [track] = movie.tracks.as_slice() else {
        return Err(PieceError::Format("not a single track"));
    };
    let (entry, config) = description(track)?;
    let fragments = layout.fragments.ok_or(PieceError::Format("not fragmented"))?;
    let (packed, obstacle) = fragments.finish()?;
    if let Some(obstacle) = obstacle {
        return Err(obstacle.into());
    }
    let packed = packed.into_iter().next().unwrap_or_default();
    let mut frames = frames(encoded, track, &packed, &config)?;
    shift(&movie, track, &mut frames)?;
    let begins = begins(&frames, &grid)?;
    let ends = begins.iter().skip(1).copied().chain([frames.len()]);
    let mut writer = Writer::new(true, first, encoded.len());
    for ((bounds, begin), end) in grid.windows(2).zip(&begins).zip(ends) {
        let own = frames.get(*begin..end).unwrap_or_default();
        add(&mut writer, encoded, own, bounds, delay)?;
    }
    Ok(Piece {
        init: init_segment(entry, &config)?,
        codec_string: config.codec_string(entry.format),
        width: config.sps.width,
        height: config.sps.height,
        segments: writer.segments,
        frames: u32::try_from(frames.len()).map_err(|_| PieceError::Timeline("there are too many frames"))?,
        bytes: writer.bytes,
    })
}

fn grid(bounds: &[u64]) -> Result<Vec<i64>, PieceError> {
    // Space for the second before the lecture's zero and for rounding.
    let grid = bounds
        .iter()
        .map(|&bound| i64::try_from(bound).ok().filter(|&bound| bound < i64::MAX / 2));
    let grid: Option<Vec<i64>> = grid.collect();
    let grid = grid.ok_or(PieceError::Asked("its bounds are out of range"))?;
    if grid.len() < 2 || grid.windows(2).any(|pair| pair.first() >= pair.last()) {
        return Err(PieceError::Asked("its bounds are not in order"));
    }
    Ok(grid)
}

fn layout(encoded: &[u8]) -> Result<Layout, PieceError> {
    if encoded.is_empty() {
        return Err(PieceError::NoFrames { segment: 0 });
    }
    let mut walk = Walk::default();
    match walk.answer(encoded, wide(encoded.len()))? {
        None => match walk.finish()? {
            layout if layout.cut => Err(PieceError::Truncated("the last fragment is incomplete")),
            layout => Ok(layout),
        },
        Some(_) => Err(PieceError::Truncated("a box ends early")),
    }
}

fn description<'a, 'm>(track: &'a Track<'m>) -> Result<(&'a VideoEntry<'m>, AvcConfig<'m>), PieceError> {
    let Some(Entry::Video(entry)) = &track.entry else {
        return Err(PieceError::Format("not video"));
    };
    if track.timescale != TICKS {
        return Err(PieceError::Format("not in ticks of 90 kHz"));
    }
    if track.descriptions != 1 {
        return Err(PieceError::Parameters("there is more than one sample description"));
    }
    if &entry.format != b"avc1" || track.orientation != Orientation::default() {
        return Err(PieceError::Format("not H.264, or rotated"));
    }
    let config = entry.config.ok_or(PieceError::Malformed("no decoder configuration"))?;
    let config = AvcConfig::parse(config)?;
    match config.obstacle() {
        Some(obstacle) => Err(obstacle.into()),
        None => Ok((entry, config)),
    }
}

/// Every frame in decoding order, by the encoder's times.
fn frames(
    encoded: &[u8],
    track: &Track<'_>,
    packed: &Packed,
    config: &AvcConfig<'_>,
) -> Result<Vec<Frame>, PieceError> {
    let mut samples = Samples::new(&track.tables, packed);
    let mut frames = Vec::new();
    let mut data = 0_u64;
    while let Some((decoded, sample)) = samples.next()? {
        // Bytes shared by many frames would be written many times.
        data = data.saturating_add(sample.size.into());
        if data > wide(encoded.len()) {
            return Err(PieceError::Malformed("frames share their bytes"));
        }
        let place = narrow(sample.offset)?..narrow(sample.end().ok_or(Short)?)?;
        let bytes = encoded.get(place.clone());
        let bytes = bytes.ok_or(PieceError::Truncated("a frame's bytes are missing"))?;
        frames.push(Frame {
            shown: decoded.saturating_add(sample.composition.into()),
            key: is_key_frame(bytes, config.length_size)?,
            place,
        });
    }
    Ok(frames)
}

/// Converts the encoder's media time to lecture time: its edit list has the shift that reordering required.
fn shift(movie: &Movie<'_>, track: &Track<'_>, frames: &mut [Frame]) -> Result<(), PieceError> {
    let (Some(first), Some(last)) = (frames.first(), frames.last()) else {
        return Err(PieceError::NoFrames { segment: 0 });
    };
    let span = Span {
        timescale: track.timescale,
        sample_rate: None,
        first: first.shown,
        last: last.shown,
    };
    let shift = track.edits.shift(movie.timescale, true, span)?;
    for frame in frames {
        frame.shown = frame.shown.saturating_add(shift);
    }
    Ok(())
}

/// The indices of the segments' first frames.
fn begins(frames: &[Frame], grid: &[i64]) -> Result<Vec<usize>, PieceError> {
    let segments = grid.len().saturating_sub(1);
    let number = |segment: usize| u32::try_from(segment).unwrap_or(u32::MAX);
    let mut begins = Vec::new();
    let mut key = i64::MIN;
    for (place, frame) in frames.iter().enumerate() {
        // The bound between the open segment and the next one.
        let open = begins.len();
        let bound = grid.get(open).copied().unwrap_or(i64::MAX);
        if open < segments && frame.key && frame.shown >= bound.saturating_sub(ROUNDED) {
            if grid.get(open.saturating_add(1)).is_none_or(|&next| frame.shown >= next) {
                return Err(PieceError::NoFrames { segment: number(open) });
            }
            key = frame.shown;
            begins.push(place);
        } else if open == 0 && frame.shown < bound || open == segments && frame.shown >= bound.saturating_add(ROUNDED) {
            return Err(PieceError::Outside(frame.shown));
        } else if open == 0 || open < segments && frame.shown >= bound {
            return Err(PieceError::KeyFrame { segment: number(open) });
        } else if frame.shown <= key {
            return Err(PieceError::Timeline("a frame is shown before its key frame"));
        }
    }
    if begins.len() < segments {
        return Err(PieceError::NoFrames {
            segment: number(begins.len()),
        });
    }
    Ok(begins)
}

fn add(writer: &mut Writer, encoded: &[u8], frames: &[Frame], bounds: &[i64], delay: u32) -> Result<(), PieceError> {
    let out_of_range = PieceError::Asked("its bounds are out of range");
    let &[start, end] = bounds else {
        return Err(out_of_range);
    };
    let media = |lecture: i64| u64::try_from(lecture.saturating_add(TICKS.into())).map_err(|_| out_of_range);
    let (from, until) = (media(start)?, media(end)?);
    let later = frames
        .iter()
        .skip(1)
        .map(|frame| media(frame.shown.min(end.saturating_sub(1))));
    let shown: Vec<u64> = std::iter::once(Ok(from)).chain(later).collect::<Result<_, _>>()?;
    let times = times(&shown, until, delay)?;
    let mut block = Block::default();
    for ((frame, duration), offset) in frames.iter().zip(times.durations).zip(times.offsets) {
        if frame.key {
            block.mark_key_frame();
        }
        block.push(duration, offset, wide(frame.place.start)..wide(frame.place.end))?;
    }
    let duration = u32::try_from(end.saturating_sub(start)).map_err(|_| out_of_range)?;
    let samples = frames.iter().filter_map(|frame| encoded.get(frame.place.clone()));
    writer.add(times.decode_time, duration, &block, samples)
}

fn init_segment(entry: &VideoEntry<'_>, config: &AvcConfig<'_>) -> Result<Vec<u8>, PieceError> {
    let side = |pixels: u32| u16::try_from(pixels).map_err(|_| PieceError::Format("too large"));
    let (width, height) = (config.sps.width, config.sps.height);
    Ok(init::video(
        TICKS,
        None,
        &init::VideoInit {
            format: entry.format,
            width: side(width)?,
            height: side(height)?,
            pixel_aspect: entry.pixel_aspect,
            shown: (width, height),
            orientation: Orientation::default(),
            config: entry.config.unwrap_or_default(),
            colour: entry.colour,
        },
    ))
}
