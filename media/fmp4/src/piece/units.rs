//! The NAL units of one sample of H.264.
//!
//! Source: ITU-T H.264 §7.4.1, table 7-1; ISO/IEC 14496-15 §5.3.2

use crate::bytes::{Cursor, narrow};
use crate::error::PieceError;

const IDR: u8 = 5;
const SPS: u8 = 7;
const PPS: u8 = 8;

/// Whether a sample is a key frame, by its first slice.
///
/// Errors: if its units do not fill it exactly, none is a slice, or it contains parameter sets: only those of the init
///         segment count
pub(super) fn is_key_frame(sample: &[u8], length_size: usize) -> Result<bool, PieceError> {
    let mut cursor = Cursor::new(sample);
    let mut key = None;
    while !cursor.is_empty() {
        let length = cursor.take(length_size)?;
        let length = length.iter().fold(0, |length, &byte| (length << 8) | u64::from(byte));
        let unit = cursor.take(narrow(length)?)?;
        let header = unit.first().ok_or(PieceError::Malformed("an empty unit in a frame"))?;
        match header & 0x1f {
            SPS | PPS => return Err(PieceError::Parameters("they are within its frames")),
            kind @ 1..=IDR => {
                key.get_or_insert(kind == IDR);
            }
            _ => {}
        }
    }
    key.ok_or(PieceError::Malformed("a frame without a picture"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn unit(header: u8) -> Vec<u8> {
        vec![0, 0, 0, 3, header, 1, 2]
    }

    #[test]
    fn the_first_slice_decides() {
        let key = |headers: &[u8]| {
            let sample: Vec<u8> = headers.iter().flat_map(|&header| unit(header)).collect();
            is_key_frame(&sample, 4)
        };
        assert_eq!(key(&[0x09, 0x06, 0x65, 0x65]), Ok(true));
        assert_eq!(key(&[0x09, 0x41, 0x65]), Ok(false));
        assert!(matches!(key(&[0x67, 0x65]), Err(PieceError::Parameters(_))));
        assert!(matches!(key(&[0x68, 0x65]), Err(PieceError::Parameters(_))));
        assert!(matches!(key(&[0x06]), Err(PieceError::Malformed(_))));
        assert!(matches!(key(&[]), Err(PieceError::Malformed(_))));
    }

    #[test]
    fn units_that_do_not_fill_the_frame_are_refused() {
        for wrong in [
            &[0, 0, 0, 4, 0x65, 1, 2][..],
            &[0, 0, 0, 1, 0x65, 0],
            &[0, 0, 0, 0],
            &[0xff; 9],
        ] {
            assert!(
                matches!(is_key_frame(wrong, 4), Err(PieceError::Malformed(_))),
                "{wrong:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..60), size in 1..5_usize) {
            let _ = is_key_frame(&bytes, size);
        }
    }
}
