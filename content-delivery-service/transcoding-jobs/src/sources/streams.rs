//! Slices of streams that can be read from anywhere, after an opening that describes them.

use super::recipe::{Part, Recipe};
use bytes::Bytes;
use fmp4::Sniff;
use std::ops::Range;

/// How much of a stream precedes each slice, if its description has no end of its own. The times in it also tell a reader
/// whether the clock has wrapped since. A multiple of the packets of transport streams, 188 and 192 bytes.
const OPENING: usize = 29 * 9_024;
/// The header of an FLV file, and what surrounds the data of a tag in it.
const FLASH_HEADER: usize = 13;
const FLASH_TAG: usize = 15;
/// The header of an ASF file's data object, which is followed by packets of one size.
const ASF_DATA: u64 = 50;
/// The object that states the size of packets, and where it does.
const ASF_PROPERTIES: [u8; 16] = *b"\xa1\xdc\xab\x8c\x47\xa9\xcf\x11\x8e\xe4\x00\xc0\x0c\x20\x53\x65";
const ASF_SIZE: usize = 92;

/// What every slice of a stream begins with.
#[derive(Debug)]
pub(super) struct Stream {
    opening: Bytes,
    /// The size of packets, if a slice has to begin with a whole one.
    packet: u64,
}

impl Stream {
    /// The opening of a stream that begins with `begin`; none if no part of it can be read alone.
    pub(super) fn of(kind: Sniff, begin: &Bytes) -> Option<Self> {
        let first = begin.slice(..OPENING.min(begin.len()));
        let (length, packet) = match kind {
            Sniff::MpegTs => (first.len(), 1),
            Sniff::MpegPs => (last(&first, &[0, 0, 1, 0xba])?, 1),
            Sniff::Ogg => (last(&first, b"OggS")?, 1),
            Sniff::Flv => (last_tag(&first)?, 1),
            Sniff::Asf => packets(begin)?,
            _ => return None,
        };
        let opening = begin.get(..length).map(|_| begin.slice(..length))?;
        Some(Self { opening, packet })
    }

    /// The part of the stream with a range.
    pub(super) fn slice(&self, range: &Range<u64>) -> Recipe {
        let end = u64::try_from(self.opening.len()).unwrap_or(0);
        let start = range.start.max(end);
        let start = start - (start - end) % self.packet;
        Recipe::of([
            Part::Known(self.opening.clone()),
            Part::Stored(start..range.end.max(start)),
        ])
    }
}

/// Where the last unit begins that begins so.
fn last(first: &[u8], unit: &[u8]) -> Option<usize> {
    first.windows(unit.len()).rposition(|window| window == unit)
}

/// Where the last tag of an FLV file's beginning begins.
///
/// Source: Adobe Flash Video File Format Specification, annex E.3
fn last_tag(first: &[u8]) -> Option<usize> {
    let mut at = FLASH_HEADER;
    loop {
        let size = first.get(at + 1..at + 4)?;
        let size = size.iter().fold(0_usize, |sum, &byte| sum << 8 | usize::from(byte));
        let next = at + FLASH_TAG + size;
        if next + FLASH_TAG > first.len() {
            return Some(at);
        }
        at = next;
    }
}

/// Where the packets of an ASF file begin, and their size.
///
/// Source: Advanced Systems Format Specification, 3.1, 3.2 and 5.1
fn packets(begin: &[u8]) -> Option<(usize, u64)> {
    let little = |at: usize, count: usize| {
        let bytes = begin.get(at..at.checked_add(count)?)?;
        Some(bytes.iter().rev().fold(0_u64, |sum, &byte| sum << 8 | u64::from(byte)))
    };
    let data = usize::try_from(little(16, 8)?.checked_add(ASF_DATA)?).ok()?;
    let header = begin.get(..data)?;
    let properties = header.windows(16).position(|window| window == ASF_PROPERTIES)?;
    let size = little(properties + ASF_SIZE, 4)?;
    (size > 0).then_some((data, size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_opening_ends_where_a_unit_begins() {
        let unit = |id: &[u8]| [id, &[7; 1_000]].concat();
        let program = Bytes::from(unit(&[0, 0, 1, 0xba]).repeat(400));
        let opening = Stream::of(Sniff::MpegPs, &program).unwrap().opening;
        assert!(opening.len().is_multiple_of(1_004) && opening.len() > OPENING - 1_004);
        let tag: Vec<u8> = [&[8, 0, 0, 100, 0, 0, 0, 0, 0, 0, 0][..], &[1; 100], &[0, 0, 0, 111]].concat();
        let flash = Bytes::from([&b"FLV\x01\x05\0\0\0\x09\0\0\0\0"[..], &tag.repeat(30)].concat());
        assert_eq!(Stream::of(Sniff::Flv, &flash).unwrap().opening.len(), 13 + 29 * 115);
        assert!(Stream::of(Sniff::Avi, &flash).is_none());
        assert!(Stream::of(Sniff::Asf, &flash).is_none());
    }

    #[test]
    fn a_slice_begins_with_a_whole_packet() {
        let opening = Bytes::from(vec![0; 50]);
        let parts = |start, packet| {
            let opening = opening.clone();
            Stream { opening, packet }.slice(&(start..900)).length()
        };
        assert_eq!(parts(0, 1), 900);
        assert_eq!(parts(420, 1), 50 + 480);
        assert_eq!(parts(420, 100), 50 + 550);
    }
}
