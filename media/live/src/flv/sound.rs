//! The bodies of tags with sound.
//!
//! Source: Flash Video File Format E.4.2.1; Enhanced RTMP v2, "Enhanced Audio"

use super::FlvError;
use super::picture::behind;
use bytes::Bytes;

const AAC: u8 = 10;
const ENHANCED: u8 = 9;
const MP4A: &[u8] = b"mp4a";

/// The body of a tag with sound.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum SoundTag {
    /// An `AudioSpecificConfig`.
    Configuration(Bytes),
    /// One packet.
    Packet(Bytes),
    /// Nothing that a frame is made of.
    Other,
}

impl SoundTag {
    /// Errors: another codec than AAC, or a body that is too short
    pub(super) fn parse(body: &Bytes) -> Result<Self, FlvError> {
        let Some(&first) = body.first() else {
            return Ok(Self::Other);
        };
        match first >> 4 {
            AAC => Self::of(body.get(1).copied(), body, 2),
            // Several tracks, or channels in an order of their own, are for other purposes than a lecture.
            ENHANCED if first & 0xf > 2 => Ok(Self::Other),
            ENHANCED if body.get(1..5) == Some(MP4A) => Self::of(Some(first & 0xf), body, 5),
            _ => Err(FlvError::SoundCodec),
        }
    }

    fn of(kind: Option<u8>, body: &Bytes, at: usize) -> Result<Self, FlvError> {
        match kind {
            Some(0) => Ok(Self::Configuration(behind(body, at)?)),
            Some(1) => Ok(Self::Packet(behind(body, at)?)),
            _ => Ok(Self::Other),
        }
    }
}

/// Samples in a packet of AAC, at the rate of its configuration.
pub(super) const PACKET: u32 = 1_024;

/// Whether players take this configuration: AAC-LC, or HE-AAC that announces itself, with one or two channels.
///
/// Source: ISO/IEC 14496-3 §1.6.2.1
pub(super) fn is_usual(config: &[u8]) -> bool {
    let Some(&[first, second]) = config.first_chunk::<2>() else {
        return false;
    };
    let object_type = first >> 3;
    let rate = (first & 7) << 1 | second >> 7;
    let channels = (second >> 3) & 0xf;
    let has_short_packets = object_type == 2 && second & 4 != 0;
    matches!(object_type, 2 | 5 | 29) && rate < 13 && matches!(channels, 1 | 2) && !has_short_packets
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: &'static [u8]) -> Result<SoundTag, FlvError> {
        SoundTag::parse(&Bytes::from_static(body))
    }

    #[test]
    fn the_old_and_the_new_form_are_read_alike() {
        let packet = SoundTag::Packet(Bytes::from_static(b"packet"));
        assert_eq!(parse(b"\xaf\x01packet").as_ref(), Ok(&packet));
        assert_eq!(parse(b"\x91mp4apacket").as_ref(), Ok(&packet));
        let config = SoundTag::Configuration(Bytes::from_static(b"\x12\x10"));
        assert_eq!(parse(b"\xaf\0\x12\x10").as_ref(), Ok(&config));
        assert_eq!(parse(b"\x90mp4a\x12\x10").as_ref(), Ok(&config));
    }

    #[test]
    fn other_codecs_and_layouts_are_refused() {
        assert_eq!(parse(b"\x2fmp3"), Err(FlvError::SoundCodec));
        assert_eq!(parse(b"\x91Opuspacket"), Err(FlvError::SoundCodec));
        assert_eq!(parse(b""), Ok(SoundTag::Other));
        assert_eq!(parse(b"\x92mp4a"), Ok(SoundTag::Other));
        // Low Complexity in stereo, in mono, High Efficiency; then six channels, Main, a rate by itself, nothing.
        for (config, usual) in [
            (&[0x12, 0x10][..], true),
            (&[0x11, 0x88], true),
            (&[0x2b, 0x92, 0x08, 0], true),
            (&[0x11, 0xb0], false),
            (&[0x0a, 0x10], false),
            (&[0x17, 0x80], false),
            (&[0x12], false),
        ] {
            assert_eq!(is_usual(config), usual, "{config:x?}");
        }
    }
}
