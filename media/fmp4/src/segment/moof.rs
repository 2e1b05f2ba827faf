//! The head of a media segment: its `moof` box and the header of `mdat`.
//!
//! Source: ISO/IEC 14496-12 §8.8; ISO/IEC 23000-19 (CMAF) §7.5

use crate::boxes::{put_box, put_full_box, put_u32, put_u64};
use crate::bytes::wide;
use crate::error::IndexError;
use crate::samples::Block;

/// The flags of a sample that depends on no other.
const KEY: u32 = 0x0200_0000;
/// The flags of a sample that depends on others.
const DEPENDENT: u32 = 0x0101_0000;
const MDAT_HEADER: u32 = 8;

/// What the samples are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Media {
    Audio,
    /// The first sample is a key frame.
    Video,
    /// The first sample depends on samples before it.
    VideoWithin,
}

impl Media {
    pub(crate) fn of(video: bool) -> Self {
        if video { Self::Video } else { Self::Audio }
    }
}

/// The fields that each sample states individually.
struct Layout {
    duration: Option<u32>,
    flags: bool,
    first_flags: bool,
    composition: bool,
    count: u64,
}

impl Layout {
    fn of(media: Media, block: &Block) -> Self {
        let first = block.durations.first().copied();
        let flags = media != Media::Audio && !block.key_frames.is_empty();
        Self {
            duration: first.filter(|first| block.durations.iter().all(|duration| duration == first)),
            flags,
            first_flags: media == Media::Video && !flags,
            composition: block.offsets.iter().any(|&offset| offset != 0),
            count: wide(block.sizes.len()),
        }
    }

    /// The length of what [`head`] writes.
    fn length(&self) -> u64 {
        let own = 1 + u64::from(self.duration.is_none()) + u64::from(self.flags) + u64::from(self.composition);
        let fixed = 8 + 16 + 8 + 20 + 20 + 20 + u64::from(MDAT_HEADER);
        let optional = u64::from(self.duration.is_some()) + u64::from(self.first_flags);
        fixed + 4 * optional + 4 * own * self.count
    }
}

/// The length of a whole segment, without writing its head.
pub(crate) fn length(media: Media, block: &Block) -> u64 {
    Layout::of(media, block).length().saturating_add(block.data_length())
}

/// Writes the head of a segment.
///
/// Shape:  one track with the id 1; composition offsets are signed
/// Errors: if the data does not fit in a 32-bit box
pub(crate) fn head(sequence: u32, decode_time: u64, media: Media, block: &Block) -> Result<Vec<u8>, IndexError> {
    let too_long = IndexError::Damaged("a segment's length");
    let layout = Layout::of(media, block);
    let total = layout.length();
    let offset = u32::try_from(total).map_err(|_| too_long)?;
    let data = u32::try_from(block.data_length())
        .ok()
        .and_then(|data| data.checked_add(MDAT_HEADER));
    let mut out = Vec::with_capacity(usize::try_from(total).map_err(|_| too_long)?);
    put_box(&mut out, *b"moof", |out| {
        put_full_box(out, *b"mfhd", 0, 0, |out| put_u32(out, sequence));
        put_box(out, *b"traf", |out| {
            let duration_flag = if layout.duration.is_some() { 0x8 } else { 0 };
            put_full_box(out, *b"tfhd", 0, 0x2_0020 | duration_flag, |out| {
                put_u32(out, 1);
                layout.duration.into_iter().for_each(|duration| put_u32(out, duration));
                put_u32(out, if media == Media::Audio { KEY } else { DEPENDENT });
            });
            put_full_box(out, *b"tfdt", 1, 0, |out| put_u64(out, decode_time));
            put_run(out, &layout, offset, media, block);
        });
    });
    put_u32(&mut out, data.ok_or(too_long)?);
    out.extend_from_slice(b"mdat");
    Ok(out)
}

fn put_run(out: &mut Vec<u8>, layout: &Layout, offset: u32, media: Media, block: &Block) {
    let flag = |set: bool, flag: u32| if set { flag } else { 0 };
    let flags = 0x201
        | flag(layout.first_flags, 0x4)
        | flag(layout.duration.is_none(), 0x100)
        | flag(layout.flags, 0x400)
        | flag(layout.composition, 0x800);
    put_full_box(out, *b"trun", 1, flags, |out| {
        put_u32(out, u32::try_from(layout.count).unwrap_or(u32::MAX));
        put_u32(out, offset);
        if layout.first_flags {
            put_u32(out, KEY);
        }
        let mut keys = block.key_frames.iter().peekable();
        let samples = block.sizes.iter().zip(&block.durations).zip(&block.offsets);
        for (place, ((&size, &duration), &composition)) in (0_u32..).zip(samples) {
            if layout.duration.is_none() {
                put_u32(out, duration);
            }
            put_u32(out, size);
            if layout.flags {
                let first = place == 0 && media == Media::Video;
                let key = first || keys.next_if_eq(&&place).is_some();
                put_u32(out, if key { KEY } else { DEPENDENT });
            }
            if layout.composition {
                put_u32(out, composition.cast_unsigned());
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_is_known_without_writing() {
        for (durations, offsets, keys) in [
            ([5, 5], [0, 0], false),
            ([5, 6], [0, 0], false),
            ([5, 5], [3, -3], true),
            ([6, 5], [0, 1], true),
        ] {
            for media in [Media::Audio, Media::Video, Media::VideoWithin] {
                let mut block = Block::default();
                for (place, (duration, offset)) in (0..).zip(durations.into_iter().zip(offsets)) {
                    if keys {
                        block.mark_key_frame();
                    }
                    block.push(duration, offset, place * 100..place * 100 + 7).unwrap();
                }
                let written = wide(head(1, 90_000, media, &block).unwrap().len());
                assert_eq!(written + 14, length(media, &block));
            }
        }
    }
}
