//! AAC packets as a stream.
//!
//! Source: ISO/IEC 14496-3 §1.A.2.2

use bytes::{BufMut, Bytes, BytesMut};

const HEADER: usize = 7;

/// A packet of AAC behind a header that says how to decode it.
///
/// Shape: none if the configuration or the packet's length can't be expressed in one
#[must_use]
pub fn adts(config: &[u8], packet: &[u8]) -> Option<Bytes> {
    let &[first, second] = config.first_chunk::<2>()?;
    // High Efficiency is Low Complexity with additional data in its packets.
    let rate = (first & 7) << 1 | second >> 7;
    let channels = (second >> 3) & 7;
    let length = u64::try_from(packet.len() + HEADER)
        .ok()
        .filter(|&length| length < 1 << 13)?;
    if rate > 12 {
        return None;
    }
    // Syncword, MPEG-4, no checksum, Low Complexity; then buffer fullness unknown, one block.
    let bits = 0xfff1 << 40 | 1 << 38 | u64::from(rate) << 34 | u64::from(channels) << 30 | length << 13 | 0x7ff << 2;
    let mut out = BytesMut::with_capacity(HEADER + packet.len());
    out.put_uint(bits, HEADER);
    out.extend_from_slice(packet);
    Some(out.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_states_rate_channels_and_length() {
        // As ffmpeg writes it for 48 kHz in stereo, without a checksum.
        let packet = adts(&[0x11, 0x90], &[0xaa; 10]).unwrap();
        assert_eq!(packet[..7], [0xff, 0xf1, 0x4c, 0x80, 0x02, 0x3f, 0xfc]);
        assert_eq!(packet.len(), 17);
        assert_eq!(adts(&[0x11, 0x90], &[0; 8_192]), None);
        assert_eq!(adts(&[0x17, 0x80], &[0]), None);
    }
}
