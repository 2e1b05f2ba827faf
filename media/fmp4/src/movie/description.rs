//! Sample descriptions of ISO files and in QuickTime's three forms.

use crate::boxes::{Kind, children, find};
use crate::bytes::{Cursor, Short};
use crate::error::ScanError;

/// The first sample description of a track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Entry<'a> {
    Video(VideoEntry<'a>),
    Audio(AudioEntry<'a>),
}

/// A description of video.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct VideoEntry<'a> {
    pub(crate) format: Kind,
    pub(crate) width: u16,
    pub(crate) height: u16,
    /// The body of `avcC`.
    pub(crate) config: Option<&'a [u8]>,
    /// The width and height of a pixel.
    pub(crate) pixel_aspect: Option<(u32, u32)>,
    /// Primaries, transfer, matrix and the byte of the full-range flag.
    pub(crate) colour: Option<[u8; 7]>,
}

/// A description of audio.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AudioEntry<'a> {
    pub(crate) format: Kind,
    pub(crate) channels: u16,
    pub(crate) sample_rate: u32,
    /// The body of `esds`.
    pub(crate) stream: Option<&'a [u8]>,
}

/// Formats with encrypted samples: common encryption, and older ones of music shops.
const ENCRYPTED: [&Kind; 6] = [b"encv", b"enca", b"drmi", b"drms", b"drmt", b"p608"];

/// Reads the body of `stsd`; returns the number of descriptions, and the first.
///
/// Source: ISO/IEC 14496-12 §8.5.2; QuickTime File Format, "Sound Sample Descriptions"
pub(crate) fn parse(body: &[u8], video: bool) -> Result<(usize, Option<Entry<'_>>), ScanError> {
    let mut cursor = Cursor::new(body);
    let quicktime = cursor.version_and_flags()?.0 == 0;
    cursor.skip(4)?;
    let entries: Vec<(Kind, &[u8])> = children(cursor.rest()).collect::<Result<_, _>>()?;
    if entries.iter().any(|(format, _)| ENCRYPTED.contains(&format)) {
        return Err(ScanError::Encrypted);
    }
    let Some((format, entry)) = entries.first() else {
        return Ok((0, None));
    };
    let mut cursor = Cursor::new(entry);
    cursor.skip(8)?;
    let entry = match video {
        true => Entry::Video(video_entry(*format, cursor)?),
        false => Entry::Audio(audio_entry(*format, cursor, quicktime)?),
    };
    Ok((entries.len(), Some(entry)))
}

fn video_entry(format: Kind, mut cursor: Cursor<'_>) -> Result<VideoEntry<'_>, ScanError> {
    cursor.skip(16)?;
    let (width, height) = (cursor.u16()?, cursor.u16()?);
    cursor.skip(50)?;
    let mut entry = VideoEntry {
        format,
        width,
        height,
        config: None,
        pixel_aspect: None,
        colour: None,
    };
    for child in children(cursor.rest()) {
        // The descriptions of other codecs may end in anything.
        let (kind, body) = match child {
            Ok(child) => child,
            Err(error) if matches!(&format, b"avc1" | b"avc3") => return Err(error),
            Err(_) => break,
        };
        match &kind {
            b"avcC" => entry.config = Some(body),
            b"pasp" => entry.pixel_aspect = aspect(body).ok(),
            b"colr" => entry.colour = colour(body).ok(),
            _ => {}
        }
    }
    Ok(entry)
}

fn aspect(body: &[u8]) -> Result<(u32, u32), Short> {
    let mut cursor = Cursor::new(body);
    let (across, down) = (cursor.u32()?, cursor.u32()?);
    if across == 0 || down == 0 {
        Err(Short)
    } else {
        Ok((across, down))
    }
}

/// Colour as code points; QuickTime's form has no flag for the full range.
fn colour(body: &[u8]) -> Result<[u8; 7], Short> {
    let mut cursor = Cursor::new(body);
    let form = cursor.array::<4>()?;
    let [p0, p1, t0, t1, m0, m1] = cursor.array()?;
    let range = match &form {
        b"nclx" => cursor.u8()? & 0x80,
        b"nclc" => 0,
        _ => return Err(Short),
    };
    Ok([p0, p1, t0, t1, m0, m1, range])
}

fn audio_entry(format: Kind, mut cursor: Cursor<'_>, quicktime: bool) -> Result<AudioEntry<'_>, ScanError> {
    let version = cursor.u16()?;
    cursor.skip(6)?;
    let mut channels = cursor.u16()?;
    cursor.skip(6)?;
    let mut sample_rate = cursor.u32()? >> 16;
    match version {
        1 if quicktime => cursor.skip(16)?,
        2 if quicktime => {
            cursor.skip(4)?;
            sample_rate = whole_part(cursor.u64()?).unwrap_or(0);
            channels = u16::try_from(cursor.u32()?).map_err(|_| ScanError::Limits("too many audio channels"))?;
            cursor.skip(20)?;
        }
        _ => {}
    }
    let mut stream = None;
    for child in children(cursor.rest()) {
        let (kind, body) = match child {
            Ok(child) => child,
            Err(error) if &format == b"mp4a" => return Err(error),
            Err(_) => break,
        };
        match &kind {
            b"esds" => stream = Some(body),
            b"wave" => stream = find(body, *b"esds")?.or(stream),
            _ => {}
        }
    }
    Ok(AudioEntry {
        format,
        channels,
        sample_rate,
        stream,
    })
}

/// The integer part of a positive 64-bit IEEE 754 number, if it is below 2^32.
fn whole_part(bits: u64) -> Option<u32> {
    let exponent = (bits >> 52) & 0xfff;
    let mantissa = (bits & ((1 << 52) - 1)) | (1 << 52);
    let places = 1075_u64.checked_sub(exponent)?;
    u32::try_from(mantissa.checked_shr(u32::try_from(places).ok()?).unwrap_or(0)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_of_the_long_quicktime_form_are_read() {
        for rate in [8_000_u32, 44_100, 48_000, 192_000] {
            assert_eq!(whole_part(f64::from(rate).to_bits()), Some(rate));
        }
        assert_eq!(whole_part(f64::MAX.to_bits()), None);
        assert_eq!(whole_part((-48_000.0_f64).to_bits()), None);
        assert_eq!(whole_part(0), Some(0));
    }
}
