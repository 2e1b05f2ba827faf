//! Reads and writes big-endian fields and variable-length numbers, with every access checked.

/// The bytes end within a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Short;

/// Converts a length in memory to a length in a file.
pub(crate) fn wide(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// Converts a length in a file to a length in memory.
pub(crate) fn narrow(length: u64) -> Result<usize, Short> {
    usize::try_from(length).map_err(|_| Short)
}

/// Reads fields from the front of a slice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], Short> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Short)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn skip(&mut self, count: usize) -> Result<(), Short> {
        self.take(count).map(|_| ())
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Short> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(Short)?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Short> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Short> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Short> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn i32(&mut self) -> Result<i32, Short> {
        self.array().map(i32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Short> {
        self.array().map(u64::from_be_bytes)
    }

    pub(crate) fn i64(&mut self) -> Result<i64, Short> {
        self.array().map(i64::from_be_bytes)
    }

    /// A field of four or eight bytes, by the version of its box.
    pub(crate) fn versioned(&mut self, long: bool) -> Result<u64, Short> {
        if long { self.u64() } else { self.u32().map(u64::from) }
    }

    /// Version and flags of a full box.
    pub(crate) fn version_and_flags(&mut self) -> Result<(u8, u32), Short> {
        let word = self.u32()?;
        let [version, ..] = word.to_be_bytes();
        Ok((version, word & 0x00ff_ffff))
    }

    /// A number in groups of seven bits, lowest first.
    pub(crate) fn varint(&mut self) -> Result<u64, Short> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7f);
            // The tenth byte has room for one bit.
            if shift == 63 && bits > 1 {
                return Err(Short);
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Short)
    }

    pub(crate) fn varint_u32(&mut self) -> Result<u32, Short> {
        u32::try_from(self.varint()?).map_err(|_| Short)
    }

    pub(crate) fn signed_varint(&mut self) -> Result<i64, Short> {
        let folded = self.varint()?;
        let half = i64::try_from(folded >> 1).map_err(|_| Short)?;
        Ok(if folded & 1 == 0 { half } else { !half })
    }

    /// Bytes preceded by their length.
    pub(crate) fn prefixed(&mut self) -> Result<&'a [u8], Short> {
        let length = narrow(self.varint()?)?;
        self.take(length)
    }
}

/// Writes numbers in groups of seven bits.
pub(crate) trait PutVarint {
    fn put_varint(&mut self, value: u64);
    fn put_signed_varint(&mut self, value: i64);
    fn put_prefixed(&mut self, bytes: &[u8]);
}

impl PutVarint for Vec<u8> {
    fn put_varint(&mut self, value: u64) {
        let mut rest = value;
        loop {
            let [low, ..] = rest.to_le_bytes();
            rest >>= 7;
            if rest == 0 {
                self.push(low & 0x7f);
                return;
            }
            self.push(low | 0x80);
        }
    }

    fn put_signed_varint(&mut self, value: i64) {
        let folded = (value.unsigned_abs() << 1).wrapping_sub(u64::from(value < 0));
        self.put_varint(folded);
    }

    fn put_prefixed(&mut self, bytes: &[u8]) {
        self.put_varint(wide(bytes.len()));
        self.extend_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_come_back(value: u64, signed in (i64::MIN + 1)..i64::MAX) {
            let mut bytes = Vec::new();
            bytes.put_varint(value);
            bytes.put_signed_varint(signed);
            let mut cursor = Cursor::new(&bytes);
            prop_assert_eq!(cursor.varint(), Ok(value));
            prop_assert_eq!(cursor.signed_varint(), Ok(signed));
            prop_assert!(cursor.is_empty());
        }
    }

    #[test]
    fn an_endless_number_is_refused() {
        assert_eq!(Cursor::new(&[0xff; 20]).varint(), Err(Short));
        assert_eq!(Cursor::new(&[0x80]).varint(), Err(Short));
        assert_eq!(Cursor::new(&[0, 0]).u32(), Err(Short));
    }
}
