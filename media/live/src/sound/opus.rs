//! How long a packet of Opus is.
//!
//! Source: RFC 6716 §3.1 and §3.2

/// The longest packet.
const LONGEST: u32 = 5_760;

/// The samples of a packet at 48 kHz.
///
/// Shape: none if its first bytes contradict the format
#[must_use]
pub fn opus_samples(packet: &[u8]) -> Option<u32> {
    let first = *packet.first()?;
    let frame = match first >> 3 {
        config @ 0..=11 => [480, 960, 1_920, 2_880][usize::from(config & 3)],
        config @ 12..=15 => [480, 960][usize::from(config & 1)],
        config => [120, 240, 480, 960][usize::from(config & 3)],
    };
    let frames = match first & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u32::from(packet.get(1)? & 0x3f),
    };
    Some(frame * frames).filter(|samples| (1..=LONGEST).contains(samples))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_byte_states_the_length() {
        // Browsers send 20 ms in one frame: CELT, full band.
        assert_eq!(opus_samples(&[0xfc, 1, 2]), Some(960));
        assert_eq!(opus_samples(&[0x78, 0]), Some(960));
        assert_eq!(opus_samples(&[0x00]), Some(480));
        assert_eq!(opus_samples(&[0x19]), Some(5_760));
        assert_eq!(opus_samples(&[0xe3, 0x04]), Some(480));
        assert_eq!(opus_samples(&[0xfb, 0x3f]), None);
        assert_eq!(opus_samples(&[0xff]), None);
        assert_eq!(opus_samples(&[]), None);
    }
}
