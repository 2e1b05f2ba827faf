//! The box structure: reading children within their parent, writing boxes with their size.

use crate::bytes::{Cursor, Short, narrow, wide};
use crate::error::ScanError;

/// The four letters of a box.
pub(crate) type Kind = [u8; 4];

/// The limit of nesting; deeper files exist only to exhaust a stack.
const MAX_DEPTH: usize = 16;
/// The limit of boxes in one movie; a film with a dozen tracks has some 300.
const MAX_BOXES: usize = 20_000;

/// The header of a box.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) kind: Kind,
    /// The size of the whole box; `None` if it extends to the end of the file.
    pub(crate) size: Option<u64>,
    /// The size of the header itself.
    pub(crate) length: u64,
}

/// Reads the header of a box; `Short` if it needs more bytes.
pub(crate) fn header(bytes: &[u8]) -> Result<Header, Short> {
    let mut cursor = Cursor::new(bytes);
    let (size, kind) = (cursor.u32()?, cursor.array()?);
    Ok(match size {
        0 => Header {
            kind,
            size: None,
            length: 8,
        },
        1 => Header {
            kind,
            size: Some(cursor.u64()?),
            length: 16,
        },
        size => Header {
            kind,
            size: Some(size.into()),
            length: 8,
        },
    })
}

/// The boxes within a parent, in order.
///
/// Shape: fewer than eight bytes at the end are no box (QuickTime ends some lists with four zeros)
pub(crate) struct Children<'a> {
    rest: &'a [u8],
}

pub(crate) fn children(body: &[u8]) -> Children<'_> {
    Children { rest: body }
}

impl<'a> Iterator for Children<'a> {
    type Item = Result<(Kind, &'a [u8]), ScanError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.len() < 8 {
            return None;
        }
        let child = child(self.rest);
        self.rest = child.map_or(&[], |(.., rest)| rest);
        Some(child.map(|(kind, body, _)| (kind, body)))
    }
}

fn child(bytes: &[u8]) -> Result<(Kind, &[u8], &[u8]), ScanError> {
    let wrong = ScanError::Malformed("a box exceeds its parent");
    let header = header(bytes)?;
    let size = narrow(header.size.ok_or(wrong)?)?;
    let (whole, rest) = bytes.split_at_checked(size).ok_or(wrong)?;
    let body = whole.get(narrow(header.length)?..).ok_or(wrong)?;
    Ok((header.kind, body, rest))
}

/// The first child of a kind.
pub(crate) fn find(body: &[u8], kind: Kind) -> Result<Option<&[u8]>, ScanError> {
    for child in children(body) {
        let (found, body) = child?;
        if found == kind {
            return Ok(Some(body));
        }
    }
    Ok(None)
}

/// Rejects a movie or a fragment whose boxes exceed their parents, are too many or nested too deep.
pub(crate) fn check_structure(body: &[u8]) -> Result<(), ScanError> {
    let mut count = 0;
    check_level(body, 2, &mut count)
}

fn check_level(body: &[u8], depth: usize, count: &mut usize) -> Result<(), ScanError> {
    if depth > MAX_DEPTH {
        return Err(ScanError::Malformed("boxes are nested too deep"));
    }
    for child in children(body) {
        let (kind, body) = child?;
        *count += 1;
        if *count > MAX_BOXES {
            return Err(ScanError::Limits("too many boxes"));
        }
        let container = matches!(
            &kind,
            b"moov" | b"trak" | b"edts" | b"mdia" | b"minf" | b"dinf" | b"stbl" | b"mvex" | b"moof" | b"traf"
        );
        if container {
            check_level(body, depth + 1, count)?;
        }
    }
    Ok(())
}

/// Writes a box around what `fill` writes.
pub(crate) fn put_box(out: &mut Vec<u8>, kind: Kind, fill: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&kind);
    fill(out);
    let size = u32::try_from(wide(out.len().saturating_sub(start))).unwrap_or(u32::MAX);
    if let Some(field) = out.get_mut(start..).and_then(<[u8]>::first_chunk_mut::<4>) {
        *field = size.to_be_bytes();
    }
}

/// Writes a box with version and flags around what `fill` writes.
pub(crate) fn put_full_box(out: &mut Vec<u8>, kind: Kind, version: u8, flags: u32, fill: impl FnOnce(&mut Vec<u8>)) {
    put_box(out, kind, |out| {
        put_u32(out, (u32::from(version) << 24) | (flags & 0x00ff_ffff));
        fill(out);
    });
}

pub(crate) fn put_u16(out: &mut Vec<u8>, value: u16) {
    out.extend_from_slice(&value.to_be_bytes());
}

pub(crate) fn put_u32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_be_bytes());
}

pub(crate) fn put_u64(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_come_in_order_and_a_short_end_is_no_child() {
        let mut body = Vec::new();
        put_box(&mut body, *b"one ", |out| out.push(7));
        put_full_box(&mut body, *b"two ", 1, 2, |_| {});
        body.extend([0; 4]);
        let found: Vec<_> = children(&body).collect::<Result<_, _>>().unwrap();
        assert_eq!(found, [(*b"one ", &[7][..]), (*b"two ", &[1, 0, 0, 2][..])]);
    }

    #[test]
    fn sizes_that_do_not_fit_are_refused() {
        for size in [0_u32, 1, 7, 9, u32::MAX] {
            let mut body = size.to_be_bytes().to_vec();
            body.extend(b"trak");
            assert!(children(&body).next().unwrap().is_err(), "{size}");
        }
        let mut body = 1_u32.to_be_bytes().to_vec();
        body.extend(b"trak");
        body.extend((1_u64 << 63).to_be_bytes());
        assert!(children(&body).next().unwrap().is_err());
    }

    #[test]
    fn nesting_and_numbers_are_bounded() {
        let mut body = Vec::new();
        for _ in 0..40 {
            let inner = std::mem::take(&mut body);
            put_box(&mut body, *b"trak", |out| out.extend(inner));
        }
        assert!(matches!(check_structure(&body), Err(ScanError::Malformed(_))));
        let mut body = Vec::new();
        (0..100_000).for_each(|_| put_box(&mut body, *b"uuid", |_| {}));
        assert!(matches!(check_structure(&body), Err(ScanError::Limits(_))));
    }
}
