//! Slices of files: moves the media of a movie, so that a part of a file becomes a file of its own.
//!
//! A movie places its samples by the positions of chunks in the file. Whoever copies a part of the media elsewhere moves
//! these positions with it; times, edit lists and descriptions stay as they are.

use crate::boxes::{Header, Kind, header};
use crate::bytes::wide;
use std::ops::Range;

/// A position behind the end of any file, to which a reader can still jump: 4 TiB.
const NOWHERE: u64 = 1 << 42;
/// The deepest box that holds positions: `moov`, `trak`, `mdia`, `minf`, `stbl`.
const DEPTH: u32 = 5;

/// What a box at the top level of a file contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopKind {
    /// The file's brand: `ftyp`.
    Brand,
    /// The movie: `moov`.
    Movie,
    /// Media: `mdat`.
    Media,
    /// A fragment's description: `moof`.
    Fragment,
    /// An index of fragments by their positions: `sidx`.
    FragmentIndex,
    /// Anything else.
    Other,
}

/// The header of a box at the top level of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopBox {
    /// What it contains.
    pub kind: TopKind,
    /// Bytes of its header.
    pub header: u64,
    /// Bytes of the whole box; none if it extends to the end of the file.
    pub size: Option<u64>,
}

impl TopBox {
    /// Reads a header from its first 16 bytes, or fewer at the end of a file; none if it is not one.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let Header { kind, size, length } = header(bytes).ok()?;
        if size.is_some_and(|size| size < length) {
            return None;
        }
        let kind = match &kind {
            b"ftyp" => TopKind::Brand,
            b"moov" => TopKind::Movie,
            b"mdat" => TopKind::Media,
            b"moof" => TopKind::Fragment,
            b"sidx" => TopKind::FragmentIndex,
            _ => TopKind::Other,
        };
        Some(Self {
            kind,
            header: length,
            size,
        })
    }
}

/// Where a movie places its chunks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunks {
    /// The positions of all tracks' chunks, ascending.
    pub positions: Vec<u64>,
    /// Whether each track has its chunks in the order of the file, so that the file can be read from a pipe.
    pub in_order: bool,
}

/// A table of positions in the bytes of a movie.
struct Table {
    entries: Range<usize>,
    width: usize,
}

/// The positions of the chunks of a `moov` box; none if it is damaged or compressed, or if fragments follow it.
#[must_use]
pub fn chunks(moov: &[u8]) -> Option<Chunks> {
    let mut positions = Vec::new();
    let mut in_order = true;
    for table in tables(moov)? {
        let own = moov.get(table.entries)?.chunks_exact(table.width).map(number);
        let begin = positions.len();
        positions.extend(own);
        in_order &= positions.get(begin..)?.is_sorted();
    }
    positions.sort_unstable();
    Some(Chunks { positions, in_order })
}

/// Gives each chunk of a `moov` box the position that `to` returns for it; none if a position does not fit its field.
///
/// Where `to` returns none, the chunk gets a position behind the end of any file.
#[must_use]
pub fn move_chunks(moov: &[u8], to: impl Fn(u64) -> Option<u64>) -> Option<Vec<u8>> {
    let mut moved = moov.to_vec();
    for table in tables(moov)? {
        for entry in moved.get_mut(table.entries)?.chunks_exact_mut(table.width) {
            let position = to(number(entry));
            if let Ok(entry) = <&mut [u8; 8]>::try_from(&mut *entry) {
                *entry = position.unwrap_or(NOWHERE).to_be_bytes();
            } else if let Ok(entry) = <&mut [u8; 4]>::try_from(entry) {
                let position = position.map_or(Ok(u32::MAX), u32::try_from).ok()?;
                *entry = position.to_be_bytes();
            }
        }
    }
    Some(moved)
}

/// Whether a `moof` box begins here, with enough of it to be sure.
///
/// Shape: 16 bytes are enough
#[must_use]
pub fn is_fragment(bytes: &[u8]) -> bool {
    let first = header(bytes).is_ok_and(|it| it.kind == *b"moof" && it.length == 8 && it.size > Some(16));
    first && bytes.get(12..16) == Some(b"mfhd")
}

/// Whether a fragment can be moved, and read without those before it: it states its time, and places its samples relative
/// to itself.
#[must_use]
pub fn is_movable(moof: &[u8]) -> bool {
    let Some(fragments) = inside(moof, &(0..moof.len()), *b"moof").first().cloned() else {
        return false;
    };
    let tracks = inside(moof, &fragments, *b"traf");
    let moves = |track: &Range<usize>| {
        let header = inside(moof, track, *b"tfhd").into_iter().next();
        let flags = header.and_then(|body| moof.get(body.start + 3)).copied();
        // The first flag announces a position in the file.
        flags.is_some_and(|flags| flags & 1 == 0) && !inside(moof, track, *b"tfdt").is_empty()
    };
    !tracks.is_empty() && tracks.iter().all(moves)
}

/// The bodies of the boxes of a kind in a part of some bytes.
fn inside(bytes: &[u8], part: &Range<usize>, kind: Kind) -> Vec<Range<usize>> {
    let all = children(bytes, part.clone()).unwrap_or_default();
    let own = all.into_iter().filter(|(found, _)| *found == kind);
    own.map(|(_, body)| body).collect()
}

/// The tables of positions of a movie.
fn tables(moov: &[u8]) -> Option<Vec<Table>> {
    let mut found = Vec::new();
    tables_in(moov, 0..moov.len(), DEPTH, &mut found)?;
    Some(found)
}

fn tables_in(bytes: &[u8], part: Range<usize>, depth: u32, found: &mut Vec<Table>) -> Option<()> {
    for (kind, body) in children(bytes, part)? {
        match &kind {
            b"moov" | b"trak" | b"mdia" | b"minf" | b"stbl" if depth > 0 => tables_in(bytes, body, depth - 1, found)?,
            b"cmov" | b"mvex" => return None,
            b"stco" | b"co64" => {
                let width = if kind == *b"stco" { 4 } else { 8 };
                let count = bytes.get(body.start + 4..body.start + 8).map(number)?;
                let entries = usize::try_from(count).ok()?.checked_mul(width)?;
                let start = body.start + 8;
                let end = start.checked_add(entries).filter(|&end| end <= body.end)?;
                found.push(Table {
                    entries: start..end,
                    width,
                });
            }
            _ => {}
        }
    }
    Some(())
}

/// The boxes in a part of some bytes, with the places of their bodies; none if one exceeds the part.
fn children(bytes: &[u8], part: Range<usize>) -> Option<Vec<(Kind, Range<usize>)>> {
    let mut found = Vec::new();
    let mut at = part.start;
    while at + 8 <= part.end {
        let Header { kind, size, length } = header(bytes.get(at..part.end)?).ok()?;
        let size = size.unwrap_or(wide(part.end - at));
        let end = at.checked_add(usize::try_from(size).ok()?)?;
        let start = at.checked_add(usize::try_from(length).ok()?)?;
        if end > part.end || start > end {
            return None;
        }
        found.push((kind, start..end));
        at = end;
    }
    Some(found)
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boxes::{put_box, put_full_box, put_u32, put_u64};

    fn movie(tables: &[(&[u64], bool)]) -> Vec<u8> {
        let mut out = Vec::new();
        put_box(&mut out, *b"moov", |out| {
            for (positions, is_wide) in tables {
                put_box(out, *b"trak", |out| {
                    put_box(out, *b"mdia", |out| {
                        put_box(out, *b"minf", |out| {
                            put_box(out, *b"stbl", |out| table(out, positions, *is_wide));
                        });
                    });
                });
            }
        });
        out
    }

    fn table(out: &mut Vec<u8>, positions: &[u64], is_wide: bool) {
        let count = u32::try_from(positions.len()).unwrap();
        put_full_box(out, if is_wide { *b"co64" } else { *b"stco" }, 0, 0, |out| {
            put_u32(out, count);
            for &position in positions {
                match u32::try_from(position) {
                    Ok(position) if !is_wide => put_u32(out, position),
                    _ => put_u64(out, position),
                }
            }
        });
    }

    #[test]
    fn chunks_of_all_tracks_are_found_and_moved() {
        let moov = movie(&[(&[40, 900, 2_000], false), (&[500, 1 << 33], true)]);
        let found = chunks(&moov).unwrap();
        assert_eq!(found.positions, [40, 500, 900, 2_000, 1 << 33]);
        assert!(found.in_order);
        let moved = move_chunks(&moov, |at| at.checked_sub(500)).unwrap();
        assert_eq!(moved.len(), moov.len());
        let places = chunks(&moved).unwrap().positions;
        assert_eq!(places, [0, 400, 1_500, u64::from(u32::MAX), (1 << 33) - 500]);
        assert!(!chunks(&movie(&[(&[900, 40], false)])).unwrap().in_order);
    }

    #[test]
    fn a_position_that_does_not_fit_is_refused() {
        let moov = movie(&[(&[40], false)]);
        assert!(move_chunks(&moov, |_| Some(1 << 32)).is_none());
        assert!(move_chunks(&movie(&[(&[40], true)]), |_| Some(1 << 32)).is_some());
    }

    #[test]
    fn damaged_and_fragmented_movies_have_no_chunks() {
        let moov = movie(&[(&[40, 50], false)]);
        for length in [9, 20, moov.len() - 1] {
            assert!(chunks(&moov[..length]).is_none(), "{length}");
        }
        let mut fragmented = Vec::new();
        put_box(&mut fragmented, *b"moov", |out| put_box(out, *b"mvex", |_| {}));
        assert!(chunks(&fragmented).is_none());
        let mut lying = movie(&[(&[40, 50], false)]);
        let count = lying.len() - 12;
        lying[count..count + 4].fill(0xff);
        assert!(chunks(&lying).is_none());
    }

    #[test]
    fn a_fragment_moves_if_it_states_its_time_and_no_position() {
        let fragment = |flags: u32, has_time: bool| {
            let mut out = Vec::new();
            put_box(&mut out, *b"moof", |out| {
                put_full_box(out, *b"mfhd", 0, 0, |out| put_u32(out, 1));
                put_box(out, *b"traf", |out| {
                    put_full_box(out, *b"tfhd", 0, flags, |out| put_u32(out, 1));
                    if has_time {
                        put_full_box(out, *b"tfdt", 0, 0, |out| put_u32(out, 1));
                    }
                });
            });
            out
        };
        assert!(is_fragment(&fragment(0x2_0000, true)[..16]));
        assert!(is_movable(&fragment(0x2_0000, true)));
        assert!(!is_movable(&fragment(0x1, true)) && !is_movable(&fragment(0x2_0000, false)));
        assert!(!is_movable(b"moof") && !is_fragment(b"\0\0\0\x20moof\0\0\0\x10free"));
    }

    #[test]
    fn boxes_at_the_top_are_told_apart() {
        let read = |bytes: &[u8]| TopBox::read(bytes).map(|it| (it.kind, it.header, it.size));
        assert_eq!(read(b"\0\0\0\x20ftypisom"), Some((TopKind::Brand, 8, Some(32))));
        assert_eq!(read(b"\0\0\0\0mdat"), Some((TopKind::Media, 8, None)));
        assert_eq!(
            read(b"\0\0\0\x01moov\0\0\0\0\0\0\x01\0"),
            Some((TopKind::Movie, 16, Some(256)))
        );
        assert_eq!(read(b"\0\0\0\x07free"), None);
        assert_eq!(read(b"\0\0\0\x01moov"), None);
    }
}
