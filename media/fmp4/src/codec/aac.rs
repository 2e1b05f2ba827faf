//! AAC in MP4: the elementary stream descriptor and the AudioSpecificConfig in it.

use super::bits::Bits;
use crate::boxes::{put_full_box, put_u16, put_u32};
use crate::bytes::{Cursor, Short};

/// The facts in an `esds` box.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stream<'a> {
    /// 0x40 for AAC, 0x66 to 0x68 for MPEG-2 AAC, 0x69 and 0x6b for MP3.
    pub(crate) object_type: u8,
    /// The AudioSpecificConfig; empty if missing.
    pub(crate) config: &'a [u8],
}

impl<'a> Stream<'a> {
    /// Reads the body of `esds`.
    ///
    /// Source: ISO/IEC 14496-1 §7.2.6.5
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, Short> {
        let mut cursor = Cursor::new(body);
        cursor.version_and_flags()?;
        let mut stream = Cursor::new(descriptor(&mut cursor, 3)?);
        stream.skip(2)?;
        let flags = stream.u8()?;
        if flags & 0x80 != 0 {
            stream.skip(2)?;
        }
        if flags & 0x40 != 0 {
            let length = stream.u8()?;
            stream.skip(length.into())?;
        }
        if flags & 0x20 != 0 {
            stream.skip(2)?;
        }
        let mut decoder = Cursor::new(descriptor(&mut stream, 4)?);
        let object_type = decoder.u8()?;
        decoder.skip(12)?;
        let config = descriptor(&mut decoder, 5).unwrap_or_default();
        Ok(Self { object_type, config })
    }
}

fn descriptor<'a>(cursor: &mut Cursor<'a>, tag: u8) -> Result<&'a [u8], Short> {
    if cursor.u8()? != tag {
        return Err(Short);
    }
    let mut length = 0_usize;
    for _ in 0..4 {
        let byte = cursor.u8()?;
        length = (length << 7) | usize::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            break;
        }
    }
    // Some writers state a length beyond the box; only the bytes in it count.
    cursor.take(length.min(cursor.rest().len()))
}

/// The facts in an AudioSpecificConfig.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AacConfig {
    /// 2 for Low Complexity; 5 and 29 for the HE forms, in whichever way they are signalled.
    pub(crate) object_type: u32,
    pub(crate) sample_rate: u32,
    /// 0 if the stream itself describes the layout.
    pub(crate) channels: u16,
    /// Whether a packet has 960 samples instead of 1,024.
    pub(crate) short_frames: bool,
}

const RATES: [u32; 13] = [
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350,
];

impl AacConfig {
    /// Source: ISO/IEC 14496-3 §1.6.2.1
    pub(crate) fn parse(config: &[u8]) -> Result<Self, Short> {
        let mut bits = Bits::new(config);
        let object_type = object_type(&mut bits)?;
        let sample_rate = sample_rate(&mut bits)?;
        let channels = match bits.number(4)? {
            layout @ 0..=6 => u16::try_from(layout).map_err(|_| Short)?,
            7 | 12 | 14 => 8,
            11 => 7,
            _ => return Err(Short),
        };
        let mut parsed = Self {
            object_type,
            sample_rate,
            channels,
            short_frames: false,
        };
        if object_type == 2 {
            parsed.short_frames = bits.flag()?;
            if bits.flag()? {
                bits.skip(14)?;
            }
            bits.skip(1)?;
            if channels != 0 && replicates_bands(&mut bits) == Ok(true) {
                parsed.object_type = 5;
            }
        }
        Ok(parsed)
    }

    pub(crate) fn codec_string(self) -> String {
        format!("mp4a.40.{}", self.object_type)
    }

    pub(crate) fn is_plain_low_complexity(self) -> bool {
        self.object_type == 2 && !self.short_frames && self.channels > 0 && self.sample_rate > 0
    }
}

fn object_type(bits: &mut Bits<'_>) -> Result<u32, Short> {
    match bits.number(5)? {
        31 => Ok(32 + bits.number(6)?),
        short => Ok(short),
    }
}

fn sample_rate(bits: &mut Bits<'_>) -> Result<u32, Short> {
    match bits.number(4)? {
        15 => bits.number(24),
        index => RATES
            .get(usize::try_from(index).map_err(|_| Short)?)
            .copied()
            .ok_or(Short),
    }
}

/// Whether an extension signals spectral band replication, behind a configuration that older decoders read as Low Complexity.
fn replicates_bands(bits: &mut Bits<'_>) -> Result<bool, Short> {
    if bits.number(11)? != 0x2b7 {
        return Ok(false);
    }
    Ok(bits.number(5)? == 5 && bits.flag()?)
}

/// Writes an `esds` box for AAC.
pub(crate) fn put_esds(out: &mut Vec<u8>, config: &[u8], peak: u32, average: u32) {
    let config_length = u8::try_from(config.len()).unwrap_or(u8::MAX).min(64);
    put_full_box(out, *b"esds", 0, 0, |out| {
        out.extend_from_slice(&[3, 23 + config_length]);
        put_u16(out, 0);
        out.push(0);
        // Audio (5), upstream 0, the reserved bit 1, no buffer size.
        out.extend_from_slice(&[4, 15 + config_length, 0x40, 0x15, 0, 0, 0]);
        put_u32(out, peak);
        put_u32(out, average);
        out.extend_from_slice(&[5, config_length]);
        out.extend(config.iter().take(config_length.into()));
        out.extend_from_slice(&[6, 1, 2]);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn low_complexity_is_distinguished_from_high_efficiency() {
        let plain = AacConfig::parse(&[0x12, 0x10]).unwrap();
        assert_eq!((plain.sample_rate, plain.channels), (44_100, 2));
        assert!(plain.is_plain_low_complexity());
        // ffmpeg writes an explicit "no band replication".
        assert!(
            AacConfig::parse(&[0x12, 0x10, 0x56, 0xe5, 0x00])
                .unwrap()
                .is_plain_low_complexity()
        );
        assert_eq!(
            AacConfig::parse(&[0x12, 0x10, 0x56, 0xe5, 0x80]).unwrap().object_type,
            5
        );
        assert_eq!(
            AacConfig::parse(&[0x2b, 0x92, 0x08, 0x00]).unwrap().codec_string(),
            "mp4a.40.5"
        );
    }

    #[test]
    fn written_descriptors_can_be_read() {
        let mut out = Vec::new();
        put_esds(&mut out, &[0x12, 0x10], 130_000, 128_000);
        assert_eq!(out.len(), usize::from(out[3]));
        assert_eq!(
            Stream::parse(&out[8..]).unwrap(),
            Stream {
                object_type: 0x40,
                config: &[0x12, 0x10]
            }
        );
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = Stream::parse(&bytes);
            let _ = AacConfig::parse(&bytes);
        }
    }
}
