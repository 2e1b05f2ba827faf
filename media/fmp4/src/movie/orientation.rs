//! The rotation and mirroring of the displayed picture.

use crate::boxes::put_u32;
use crate::bytes::{Cursor, Short};

/// A rotation by right angles and mirroring, as the linear part of a display matrix.
///
/// Shape: `x' = a x + c y`, `y' = b x + d y`; each of 0, 1 or -1
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Orientation {
    a: i8,
    b: i8,
    c: i8,
    d: i8,
}

impl Default for Orientation {
    fn default() -> Self {
        Self { a: 1, b: 0, c: 0, d: 1 }
    }
}

impl Orientation {
    /// Reads a matrix of nine numbers; ignores one that does not only rotate and mirror.
    ///
    /// Source: ISO/IEC 14496-12 §8.3.2
    pub(crate) fn read(cursor: &mut Cursor<'_>) -> Result<Self, Short> {
        let mut part = || {
            let number = cursor.i32()?;
            Ok(match number {
                0 => Some(0),
                0x1_0000 => Some(1),
                -0x1_0000 => Some(-1),
                _ => None,
            })
        };
        let (a, b, _, c, d) = (part()?, part()?, part()?, part()?, part()?);
        cursor.skip(16)?;
        let turned = match (a, b, c, d) {
            (Some(a @ (1 | -1)), Some(0), Some(0), Some(d @ (1 | -1))) => Self { a, b: 0, c: 0, d },
            (Some(0), Some(b @ (1 | -1)), Some(c @ (1 | -1)), Some(0)) => Self { a: 0, b, c, d: 0 },
            _ => Self::default(),
        };
        Ok(turned)
    }

    /// Applies this orientation first, then another.
    pub(crate) fn then(self, next: Self) -> Self {
        Self {
            a: self.a * next.a + self.b * next.c,
            b: self.a * next.b + self.b * next.d,
            c: self.c * next.a + self.d * next.c,
            d: self.c * next.b + self.d * next.d,
        }
    }

    pub(crate) fn is_sideways(self) -> bool {
        self.a == 0
    }

    /// The rotation clockwise in degrees that remains after undoing a left-to-right mirroring.
    pub(crate) fn degrees(self) -> u16 {
        match (self.d, self.c) {
            (1, _) => 0,
            (-1, _) => 180,
            (_, -1) => 90,
            _ => 270,
        }
    }

    /// Writes the matrix, translated so that the rotated picture starts at the origin.
    pub(crate) fn put(self, out: &mut Vec<u8>, width: u32, height: u32) {
        let fixed = |part: i8| (i32::from(part) << 16).cast_unsigned();
        let moved = |one: i8, other: i8| {
            let [x, y] = [(one, width), (other, height)].map(|(part, size)| if part < 0 { size } else { 0 });
            x.saturating_add(y).saturating_mul(0x1_0000)
        };
        for number in [fixed(self.a), fixed(self.b), 0, fixed(self.c), fixed(self.d), 0] {
            put_u32(out, number);
        }
        put_u32(out, moved(self.a, self.c));
        put_u32(out, moved(self.b, self.d));
        put_u32(out, 0x4000_0000);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(numbers: [i32; 9]) -> Orientation {
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_be_bytes()).collect();
        Orientation::read(&mut Cursor::new(&bytes)).unwrap()
    }

    const ONE: i32 = 0x1_0000;

    #[test]
    fn right_angles_are_recognised_and_garbage_is_ignored() {
        assert_eq!(read([ONE, 0, 0, 0, ONE, 0, 0, 0, 1 << 30]).degrees(), 0);
        assert_eq!(read([0, ONE, 0, -ONE, 0, 0, 7, 0, 1 << 30]).degrees(), 90);
        assert_eq!(read([-ONE, 0, 0, 0, -ONE, 0, 0, 0, 1 << 30]).degrees(), 180);
        assert_eq!(read([0, -ONE, 0, ONE, 0, 0, 0, 0, 1 << 30]).degrees(), 270);
        assert_eq!(read([5, 6, 7, 8, 9, 10, 11, 12, 13]), Orientation::default());
        assert_eq!(read([0; 9]), Orientation::default());
    }

    #[test]
    fn two_rotations_add_up() {
        let quarter = read([0, ONE, 0, -ONE, 0, 0, 0, 0, 1 << 30]);
        assert_eq!(quarter.then(quarter).degrees(), 180);
        assert_eq!(quarter.then(quarter).then(quarter).degrees(), 270);
        let mut out = Vec::new();
        quarter.put(&mut out, 320, 180);
        assert_eq!(Orientation::read(&mut Cursor::new(&out)).unwrap(), quarter);
    }
}
