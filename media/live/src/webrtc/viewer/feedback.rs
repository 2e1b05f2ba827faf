//! What a viewer reports and asks for.
//!
//! Source: RFC 3550 §6, RFC 4585 §6, RFC 5104 §4.3.1

/// Whether a packet is a report (RTCP) and not media (RTP): the second byte tells.
///
/// Source: RFC 5761 §4
pub(super) fn is_report(packet: &[u8]) -> bool {
    matches!(packet, [128..=191, 192..=223, ..])
}

/// One thing that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// The packet of this number once more, of the stream with this source.
    Packet(u32, u16),
    /// A key frame of the stream with this source.
    KeyFrame(u32),
}

const TRANSPORT: u8 = 205;
const PAYLOAD: u8 = 206;
const NACK: u8 = 1;
const PLI: u8 = 1;
const FIR: u8 = 4;

/// Hands on everything that a compound of reports asks for. It ends where it can't be read.
pub(super) fn read(mut compound: &[u8], mut take: impl FnMut(Asked)) {
    while let Some(([first, kind, length @ ..], rest)) = compound.split_first_chunk::<4>() {
        let words = usize::from(u16::from_be_bytes(*length));
        let Some((body, after)) = rest.split_at_checked(words * 4) else {
            return;
        };
        compound = after;
        let Some((media, entries)) = body.get(4..).and_then(<[u8]>::split_first_chunk::<4>) else {
            continue;
        };
        let media = u32::from_be_bytes(*media);
        match (*kind, first & 0x1f) {
            (TRANSPORT, NACK) => entries.as_chunks::<4>().0.iter().for_each(|entry| {
                let [high, low, following @ ..] = *entry;
                let number = u16::from_be_bytes([high, low]);
                let following = u32::from(u16::from_be_bytes(following)) << 1 | 1;
                (0..17_u16)
                    .filter(|place| following >> place & 1 == 1)
                    .for_each(|place| take(Asked::Packet(media, number.wrapping_add(place))));
            }),
            (PAYLOAD, PLI) => take(Asked::KeyFrame(media)),
            (PAYLOAD, FIR) => entries.as_chunks::<8>().0.iter().for_each(|entry| {
                let [a, b, c, d, ..] = *entry;
                take(Asked::KeyFrame(u32::from_be_bytes([a, b, c, d])));
            }),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(compound: &[u8]) -> Vec<Asked> {
        let mut all = Vec::new();
        read(compound, |asked| all.push(asked));
        all
    }

    #[test]
    fn lost_packets_and_key_frames_are_asked_for() {
        let report = [0x80, 201, 0, 1, 0, 0, 0, 1];
        let nack = [0x81, 205, 0, 3, 0, 0, 0, 1, 0, 0, 0, 9, 0xff, 0xff, 0x80, 0x01];
        let pli = [0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 9];
        let fir = [0x84, 206, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 3, 0, 0, 0];
        let expected = [
            Asked::Packet(9, 0xffff),
            Asked::Packet(9, 0),
            Asked::Packet(9, 15),
            Asked::KeyFrame(9),
            Asked::KeyFrame(7),
        ];
        assert_eq!(asked(&[&report[..], &nack, &pli, &fir].concat()), expected);
    }

    #[test]
    fn what_is_cut_off_asks_for_nothing() {
        let nack = [0x81, 205, 0, 3, 0, 0, 0, 1, 0, 0, 0, 9, 0xff, 0xff, 0x80, 0x01];
        for length in 0..nack.len() {
            assert_eq!(asked(&nack[..length]), []);
        }
        assert_eq!(asked(&[0x81, 205, 0, 0]), []);
        assert_eq!(asked(&[0x81, 205, 0xff, 0xff, 1, 2, 3]), []);
    }

    #[test]
    fn reports_are_told_from_media_and_from_other_packets() {
        assert!(is_report(&[0x80, 200, 0, 6]));
        assert!(is_report(&[0x81, 205]));
        for other in [&[0x80, 96, 0][..], &[0x80, 224], &[22, 254, 253], &[0, 1], &[0x80], &[]] {
            assert!(!is_report(other), "{other:?}");
        }
    }
}
