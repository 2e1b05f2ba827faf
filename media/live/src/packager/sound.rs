//! How long packets of sound are, and what silence is.

use crate::frame::Format;
use bytes::Bytes;

/// Ticks of one packet.
pub(super) fn length(format: &Format, packet: &[u8]) -> u32 {
    match format {
        Format::H264(_) => 0,
        Format::Opus { .. } => opus_length(packet),
        Format::Aac { config } => aac_length(config),
    }
}

/// Source: RFC 6716 §3.1
fn opus_length(packet: &[u8]) -> u32 {
    let toc = packet.first().copied().unwrap_or(0xf8);
    let frame = match toc >> 3 {
        config @ 0..12 => [480, 960, 1920, 2880].get(usize::from(config & 3)),
        config @ 12..16 => [480, 960].get(usize::from(config & 1)),
        config => [120, 240, 480, 960].get(usize::from(config & 3)),
    };
    let count = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u32::from(packet.get(1).copied().unwrap_or(1) & 0x3f).max(1),
    };
    // 120 ms at most.
    (frame.copied().unwrap_or(960) * count).min(5760)
}

/// Source: ISO/IEC 14496-3 §4.4.1: the first bit behind the channels says that frames are shorter
fn aac_length(config: &[u8]) -> u32 {
    let low_complexity = config.first().is_some_and(|byte| byte >> 3 == 2);
    let short = config.get(1).is_some_and(|byte| byte & 4 != 0);
    if low_complexity && short { 960 } else { 1024 }
}

/// A packet of silence; `None` for what only an encoder could make.
pub(super) fn silence(format: &Format) -> Option<Bytes> {
    const MONO: &[u8] = &[0x00, 0xc8, 0x00, 0x80, 0x23, 0x80];
    const STEREO: &[u8] = &[0x21, 0x00, 0x49, 0x90, 0x02, 0x19, 0x00, 0x23, 0x80];
    match format {
        Format::H264(_) => None,
        Format::Opus { channels: 1 } => Some(Bytes::from_static(&[0xf8, 0xff, 0xfe])),
        Format::Opus { .. } => Some(Bytes::from_static(&[0xfc, 0xff, 0xfe])),
        Format::Aac { config } => {
            let &[first, second, ..] = config.as_ref() else {
                return None;
            };
            match (first >> 3, second >> 3 & 0xf, second & 4) {
                (2, 1, 0) => Some(Bytes::from_static(MONO)),
                (2, 2, 0) => Some(Bytes::from_static(STEREO)),
                _ => None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_state_their_length() {
        let opus = Format::Opus { channels: 2 };
        let lengths = [
            (&[0xfc, 1][..], 960),
            (&[0xf8], 960),
            (&[0x78, 1], 960),
            (&[0xfb, 3], 2880),
            (&[0x0d, 1], 1920),
            (&[0x18], 2880),
            (&[0xe0], 120),
        ];
        for (packet, length_expected) in lengths {
            assert_eq!(length(&opus, packet), length_expected, "{packet:?}");
        }
        let aac = |config: &'static [u8]| Format::Aac {
            config: Bytes::from_static(config),
        };
        assert_eq!(length(&aac(&[0x12, 0x10]), &[]), 1024);
        assert_eq!(length(&aac(&[0x12, 0x14]), &[]), 960);
        assert!(silence(&aac(&[0x12, 0x10])).is_some());
        assert!(silence(&aac(&[0x2b, 0x92, 0x08, 0x00])).is_none());
    }
}
