//! The sequence parameter set of H.264: format and size of the picture.

use super::bits::Bits;
use crate::bytes::Short;

/// The facts in a sequence parameter set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sps {
    pub(crate) profile: u8,
    pub(crate) constraints: u8,
    pub(crate) level: u8,
    /// 0 monochrome, 1 4:2:0, 2 4:2:2, 3 4:4:4.
    pub(crate) chroma_format: u32,
    /// The larger of luma and chroma.
    pub(crate) bit_depth: u32,
    /// Pixels after cropping, before the pixel aspect ratio is applied.
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// The width and height of a pixel, if stated.
    pub(crate) pixel_aspect: Option<(u32, u32)>,
}

/// The limit of the picture's width and height in macroblocks; no level allows more.
const MAX_MACROBLOCKS: u32 = 4096;

impl Sps {
    /// Reads a NAL unit of type 7, header included.
    ///
    /// Source: ITU-T H.264 §7.3.2.1.1
    pub(crate) fn parse(unit: &[u8]) -> Result<Self, Short> {
        let payload = without_emulation(unit);
        let mut bits = Bits::new(&payload);
        if bits.number(8)? & 0x1f != 7 {
            return Err(Short);
        }
        let [profile, constraints, level] = [bits.number(8)?, bits.number(8)?, bits.number(8)?].map(low_byte);
        bits.unsigned()?;
        let (chroma_format, bit_depth) = if has_format(profile) {
            format(&mut bits)?
        } else {
            (1, 8)
        };
        skip_order(&mut bits)?;
        let (width, height) = size(&mut bits, chroma_format)?;
        let pixel_aspect = if bits.flag()? { aspect(&mut bits)? } else { None };
        Ok(Self {
            profile,
            constraints,
            level,
            chroma_format,
            bit_depth,
            width,
            height,
            pixel_aspect,
        })
    }
}

fn low_byte(number: u32) -> u8 {
    let [.., low] = number.to_be_bytes();
    low
}

/// Source: ITU-T H.264 §7.4.1.1: 00 00 03 stands for 00 00
fn without_emulation(unit: &[u8]) -> Vec<u8> {
    let mut payload = Vec::with_capacity(unit.len());
    let mut zeros = 0;
    for &byte in unit {
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        payload.push(byte);
    }
    payload
}

fn has_format(profile: u8) -> bool {
    matches!(
        profile,
        100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135
    )
}

fn format(bits: &mut Bits<'_>) -> Result<(u32, u32), Short> {
    let chroma_format = bits.unsigned()?;
    if chroma_format > 3 {
        return Err(Short);
    }
    if chroma_format == 3 {
        bits.skip(1)?;
    }
    let depth = bits.unsigned()?.max(bits.unsigned()?).checked_add(8).ok_or(Short)?;
    bits.skip(1)?;
    if bits.flag()? {
        for list in 0..if chroma_format == 3 { 12 } else { 8 } {
            if bits.flag()? {
                skip_scaling_list(bits, if list < 6 { 16 } else { 64 })?;
            }
        }
    }
    Ok((chroma_format, depth))
}

fn skip_scaling_list(bits: &mut Bits<'_>, length: u32) -> Result<(), Short> {
    let (mut last, mut next) = (8_i64, 8_i64);
    for _ in 0..length {
        if next != 0 {
            next = (last + bits.signed()?).rem_euclid(256);
        }
        if next != 0 {
            last = next;
        }
    }
    Ok(())
}

/// Skips the fields for the order of pictures and the number of references.
fn skip_order(bits: &mut Bits<'_>) -> Result<(), Short> {
    bits.unsigned()?;
    match bits.unsigned()? {
        0 => {
            bits.unsigned()?;
        }
        1 => {
            bits.skip(1)?;
            bits.signed()?;
            bits.signed()?;
            let count = bits.unsigned()?;
            for _ in 0..count {
                bits.signed()?;
            }
        }
        2 => {}
        _ => return Err(Short),
    }
    bits.unsigned()?;
    bits.skip(1)
}

fn size(bits: &mut Bits<'_>, chroma_format: u32) -> Result<(u32, u32), Short> {
    let (across, down) = (bits.unsigned()?, bits.unsigned()?);
    if across >= MAX_MACROBLOCKS || down >= MAX_MACROBLOCKS {
        return Err(Short);
    }
    let frames_only = bits.flag()?;
    let field_factor = if frames_only { 1 } else { 2 };
    if !frames_only {
        bits.skip(1)?;
    }
    bits.skip(1)?;
    let (mut width, mut height) = (16 * (across + 1), 16 * (down + 1) * field_factor);
    if bits.flag()? {
        let (unit_x, unit_y) = match chroma_format {
            1 => (2, 2),
            2 => (2, 1),
            _ => (1, 1),
        };
        let crop = |one: u32, other: u32, unit: u32| one.checked_add(other)?.checked_mul(unit);
        let x = crop(bits.unsigned()?, bits.unsigned()?, unit_x).ok_or(Short)?;
        let y = crop(bits.unsigned()?, bits.unsigned()?, unit_y * field_factor).ok_or(Short)?;
        width = width.checked_sub(x).filter(|&left| left > 0).ok_or(Short)?;
        height = height.checked_sub(y).filter(|&left| left > 0).ok_or(Short)?;
    }
    Ok((width, height))
}

/// Source: ITU-T H.264 table E-1
fn aspect(bits: &mut Bits<'_>) -> Result<Option<(u32, u32)>, Short> {
    const KNOWN: [(u32, u32); 17] = [
        (0, 0),
        (1, 1),
        (12, 11),
        (10, 11),
        (16, 11),
        (40, 33),
        (24, 11),
        (20, 11),
        (32, 11),
        (80, 33),
        (18, 11),
        (15, 11),
        (64, 33),
        (160, 99),
        (4, 3),
        (3, 2),
        (2, 1),
    ];
    if !bits.flag()? {
        return Ok(None);
    }
    let ratio = match bits.number(8)? {
        255 => (bits.number(16)?, bits.number(16)?),
        known => KNOWN.get(usize::from(low_byte(known))).copied().unwrap_or((0, 0)),
    };
    Ok(Some(ratio).filter(|&(x, y)| x > 0 && y > 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn size_and_format_are_read() {
        // x264, High, 1920x1080 4:2:0: the height is cropped from 1088.
        let unit = [
            0x67, 0x64, 0x00, 0x28, 0xac, 0xd9, 0x40, 0x78, 0x02, 0x27, 0xe5, 0x9a, 0x80, 0x80, 0x80, 0xa0, 0x00, 0x00,
            0x03, 0x00, 0x20, 0x00, 0x00, 0x07, 0x81, 0xe3, 0x06, 0x32, 0xc0,
        ];
        let sps = Sps::parse(&unit).unwrap();
        assert_eq!((sps.profile, sps.constraints, sps.level), (100, 0, 40));
        assert_eq!((sps.chroma_format, sps.bit_depth), (1, 8));
        assert_eq!((sps.width, sps.height), (1920, 1080));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = Sps::parse(&bytes);
            let mut unit = vec![0x67, 100, 0, 40];
            unit.extend(bytes);
            let _ = Sps::parse(&unit);
        }
    }
}
