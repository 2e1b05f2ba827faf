//! Reads single bits and the Exp-Golomb numbers of H.264.

use crate::bytes::Short;

/// Reads bits from the highest to the lowest.
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    /// The position of the next bit, counted from the first byte's highest.
    at: usize,
}

impl<'a> Bits<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(super) fn flag(&mut self) -> Result<bool, Short> {
        let byte = self.bytes.get(self.at / 8).ok_or(Short)?;
        let bit = (byte >> (7 - self.at % 8)) & 1;
        self.at += 1;
        Ok(bit == 1)
    }

    /// Up to 32 bits as a number.
    pub(super) fn number(&mut self, count: u32) -> Result<u32, Short> {
        let mut value = 0_u32;
        for _ in 0..count {
            value = (value << 1) | u32::from(self.flag()?);
        }
        Ok(value)
    }

    pub(super) fn skip(&mut self, count: u32) -> Result<(), Short> {
        for _ in 0..count {
            self.flag()?;
        }
        Ok(())
    }

    /// Source: ITU-T H.264 §9.1, ue(v)
    pub(super) fn unsigned(&mut self) -> Result<u32, Short> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros > 31 {
                return Err(Short);
            }
        }
        let low = self.number(zeros)?;
        Ok((1_u32 << zeros) - 1 + low)
    }

    /// Source: ITU-T H.264 §9.1.1, se(v)
    pub(super) fn signed(&mut self) -> Result<i64, Short> {
        let code = i64::from(self.unsigned()?);
        Ok(if code % 2 == 0 { -(code / 2) } else { (code + 1) / 2 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_golomb_numbers_are_read() {
        // 1 | 010 | 011 | 00100 | 00101 -> 0 1 2 3 4
        let bytes = [0b1010_0110, 0b0100_0010, 0b1000_0000];
        let mut bits = Bits::new(&bytes);
        assert_eq!([(); 5].map(|()| bits.unsigned().unwrap()), [0, 1, 2, 3, 4]);
        let mut bits = Bits::new(&bytes);
        assert_eq!([(); 5].map(|()| bits.signed().unwrap()), [0, 1, -1, 2, -2]);
        assert!(Bits::new(&[0; 8]).unsigned().is_err());
    }
}
