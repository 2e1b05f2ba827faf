//! The bodies of tags with pictures.
//!
//! Source: Flash Video File Format E.4.3.1; Enhanced RTMP v2, "Enhanced Video"

use super::FlvError;
use bytes::Bytes;

const AVC: u8 = 7;
const AVC1: &[u8] = b"avc1";
/// The type of a "frame" that is a command for the player.
const COMMAND: u8 = 5;

/// The body of a tag with a picture.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum PictureTag {
    /// The decoder configuration record.
    Configuration(Bytes),
    /// NAL units after their lengths, and how much later than they are decoded they are shown.
    Units {
        /// Units: milliseconds
        shown_after: i32,
        data: Bytes,
    },
    /// Nothing that a frame is made of.
    Other,
}

impl PictureTag {
    /// Errors: another codec than H.264, or a body that is too short
    pub(super) fn parse(body: &Bytes) -> Result<Self, FlvError> {
        let Some(&first) = body.first() else {
            return Ok(Self::Other);
        };
        if first & 0x80 != 0 {
            return Self::enhanced(first, body);
        }
        if first >> 4 == COMMAND {
            return Ok(Self::Other);
        }
        if first & 0xf != AVC {
            return Err(FlvError::PictureCodec);
        }
        match body.get(1) {
            Some(0) => Ok(Self::Configuration(behind(body, 5)?)),
            Some(1) => Self::units(body, 2),
            Some(_) => Ok(Self::Other),
            None => Err(SHORT),
        }
    }

    fn enhanced(first: u8, body: &Bytes) -> Result<Self, FlvError> {
        if (first >> 4) & 7 == COMMAND {
            return Ok(Self::Other);
        }
        let kind = first & 0xf;
        // Metadata has no codec, and several tracks in a tag are for other purposes than one picture.
        if kind > 3 {
            return Ok(Self::Other);
        }
        if body.get(1..5) != Some(AVC1) {
            return Err(FlvError::PictureCodec);
        }
        match kind {
            0 => Ok(Self::Configuration(behind(body, 5)?)),
            1 => Self::units(body, 5),
            3 => Ok(Self::Units {
                shown_after: 0,
                data: behind(body, 5)?,
            }),
            _ => Ok(Self::Other),
        }
    }

    /// Units behind a composition time at this place.
    fn units(body: &Bytes, at: usize) -> Result<Self, FlvError> {
        let Some(&[high, middle, low]) = body.get(at..at + 3) else {
            return Err(SHORT);
        };
        Ok(Self::Units {
            // A signed number of 24 bits.
            shown_after: i32::from_be_bytes([high, middle, low, 0]) >> 8,
            data: behind(body, at + 3)?,
        })
    }
}

const SHORT: FlvError = FlvError::Malformed("a tag ends within its header");

pub(super) fn behind(body: &Bytes, at: usize) -> Result<Bytes, FlvError> {
    if body.len() < at {
        return Err(SHORT);
    }
    Ok(body.slice(at..))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: &'static [u8]) -> Result<PictureTag, FlvError> {
        PictureTag::parse(&Bytes::from_static(body))
    }

    #[test]
    fn the_old_and_the_new_form_are_read_alike() {
        let units = |shown_after| PictureTag::Units {
            shown_after,
            data: Bytes::from_static(b"units"),
        };
        assert_eq!(parse(b"\x17\x01\0\0\x28units"), Ok(units(40)));
        assert_eq!(parse(b"\x27\x01\xff\xff\xfeunits"), Ok(units(-2)));
        assert_eq!(parse(b"\x91avc1\0\0\x28units"), Ok(units(40)));
        assert_eq!(parse(b"\xa3avc1units"), Ok(units(0)));
        let record = PictureTag::Configuration(Bytes::from_static(b"record"));
        assert_eq!(parse(b"\x17\0\0\0\0record").as_ref(), Ok(&record));
        assert_eq!(parse(b"\x90avc1record").as_ref(), Ok(&record));
    }

    #[test]
    fn other_codecs_are_refused_and_other_tags_are_passed_over() {
        for other in [
            &b"\x12\0\0\0"[..],
            b"\x1c\x01\0\0\0",
            b"\x90hvc1record",
            b"\x91av01\0\0\0",
        ] {
            assert_eq!(
                PictureTag::parse(&Bytes::copy_from_slice(other)),
                Err(FlvError::PictureCodec)
            );
        }
        for other in [&b""[..], b"\x57\0", b"\x17\x02\0\0\0", b"\x92avc1", b"\x94meta"] {
            assert_eq!(PictureTag::parse(&Bytes::copy_from_slice(other)), Ok(PictureTag::Other));
        }
        assert!(matches!(parse(b"\x17\x01\0"), Err(FlvError::Malformed(_))));
    }
}
