//! Slices of AVI: the header, the index of the picture and the chunks of a range, all of them where the source has them.
//! There is nothing between them, which takes no room on the disk.
//!
//! Chunks of AVI have no times: a reader counts them. So the header of a slice asks for a reader that goes by the index
//! alone, and the index lists nothing but the picture.
//!
//! Source: Microsoft, AVI RIFF File Reference; OpenDML AVI File Format Extensions, version 1.02

use super::fetch::{Begun, SourceError};
use super::recipe::Recipe;
use bytes::Bytes;
use std::ops::Range;

/// Longer headers and indexes are not kept in memory.
const MOST: u64 = 32 << 20;
/// The most chunks at the top of a file, and the most parts of an index.
const MOST_CHUNKS: u32 = 1_000;
/// How much of the media every slice begins with: a part of the source, within bounds. A reader examines 5 MB of the first
/// frames at most, and of short sources less.
const OPENING_PART: u64 = 32;
const OPENING: Range<u64> = (1 << 20)..(6 << 20);
/// The flag in the header by which a reader goes by the index; its byte among the header's.
const MUST_USE_INDEX: u8 = 0x20;
const FLAGS: usize = 12;
/// Where the entries of an index of indexes begin, and the bytes of one.
const ENTRIES: usize = 24;
const ENTRY: usize = 16;

/// What every slice of a file contains.
#[derive(Debug)]
pub(super) struct Avi {
    /// The header, the beginning of the media, and the indexes, by their positions.
    known: Vec<(u64, Bytes)>,
    length: u64,
}

/// The header of a chunk.
struct Chunk {
    id: [u8; 4],
    /// The kind of a list.
    kind: [u8; 4],
    /// Where it ends, without padding.
    end: u64,
}

/// What a header says of the streams.
#[derive(Default)]
struct Streams {
    /// Whether each is a picture.
    pictures: Vec<bool>,
    /// The positions of the parts of pictures' indexes.
    indexes: Vec<u64>,
    /// Whether a picture's index is in the header itself.
    is_indexed: bool,
}

impl Avi {
    /// Reads what describes a file; none if it has no index of its picture.
    pub(super) async fn read(source: &Begun<'_>) -> Result<Option<Self>, SourceError> {
        let (mut known, mut streams, mut has_index) = (vec![(0, source.header(0, 12).await?)], None, false);
        let mut at = 12;
        for _ in 0..MOST_CHUNKS {
            let header = source.header(at, 12).await?;
            let Some(Chunk { id, kind, end }) = Chunk::read(&header, at) else {
                break;
            };
            // A reader goes into every list, and past all other chunks by their sizes.
            let is_kept = matches!(&id, b"LIST" | b"idx1") && kind != *b"movi";
            if is_kept && (end > source.length || end - at > MOST) {
                return Ok(None);
            }
            match (&id, &kind) {
                (b"LIST", b"hdrl") => {
                    let mut bytes = source.range(at..end).await?.to_vec();
                    streams = describe(&mut bytes);
                    known.push((at, bytes.into()));
                }
                (b"LIST", b"movi") => known.push((at, source.range(opening(at..end, source.length)).await?)),
                (b"idx1", _) => {
                    let mut bytes = source.range(at..end).await?.to_vec();
                    let pictures = streams.as_ref().map(|it| it.pictures.as_slice());
                    has_index |= keep_pictures(&mut bytes, pictures.unwrap_or_default());
                    known.push((at, bytes.into()));
                }
                (b"LIST", _) => known.push((at, source.range(at..end).await?)),
                _ => known.push((at, header)),
            }
            at = end.saturating_add(end % 2);
        }
        let Some(streams) = streams.filter(|it| it.pictures.contains(&true)) else {
            return Ok(None);
        };
        for &index in &streams.indexes {
            let Some(end) = Chunk::read(&source.header(index, 12).await?, index).map(|it| it.end) else {
                return Ok(None);
            };
            if end > source.length || end - index > MOST {
                return Ok(None);
            }
            known.push((index, source.range(index..end).await?));
        }
        has_index |= streams.is_indexed || !streams.indexes.is_empty();
        let length = source.length;
        Ok(has_index.then_some(Self { known, length }))
    }

    pub(super) fn weight(&self) -> usize {
        self.known.iter().map(|(_, bytes)| bytes.len()).sum()
    }

    /// A file in which a reader finds the picture's chunks of a range.
    pub(super) fn slice(&self, range: &Range<u64>) -> Recipe {
        Recipe::sparse(self.known.clone(), range, self.length)
    }
}

impl Chunk {
    /// The chunk whose first bytes stand at a position.
    fn read(header: &[u8], at: u64) -> Option<Self> {
        let (id, rest) = header.split_first_chunk::<4>()?;
        let (size, rest) = rest.split_first_chunk::<4>()?;
        Some(Self {
            id: *id,
            kind: rest.first_chunk::<4>().copied().unwrap_or_default(),
            end: at.saturating_add(8 + u64::from(u32::from_le_bytes(*size))),
        })
    }
}

/// The part of the media that every slice contains.
fn opening(media: Range<u64>, length: u64) -> Range<u64> {
    let size = (length / OPENING_PART).clamp(OPENING.start, OPENING.end);
    // A list that was never finished has no size.
    let end = media.end.max(media.start.saturating_add(12)).min(length);
    media.start..media.start.saturating_add(size).min(end)
}

/// Makes a header ask for a reader that goes by the index, and takes the indexes of all but pictures out of it; none if it
/// is damaged, or of a file whose picture and sound are one stream.
fn describe(header: &mut [u8]) -> Option<Streams> {
    let mut streams = Streams::default();
    for (id, body) in children(header, 12..header.len()) {
        if id == *b"avih" {
            *header.get_mut(body.start + FLAGS)? |= MUST_USE_INDEX;
        }
        if id != *b"LIST" || header.get(body.start..body.start + 4) != Some(b"strl") {
            continue;
        }
        let stream = children(header, body.start + 4..body.end);
        let kind = stream.iter().find(|(id, _)| id == b"strh");
        let kind = kind.and_then(|(_, body)| header.get(body.start..body.start + 4));
        let is_picture = match kind? {
            b"iavs" | b"ivas" => return None,
            // Padding is not counted as a stream.
            b"pads" => continue,
            kind => kind == b"vids",
        };
        streams.pictures.push(is_picture);
        for (_, body) in stream.into_iter().filter(|(id, _)| id == b"indx") {
            if is_picture {
                streams.find_indexes(header.get(body)?)?;
            } else {
                let id = header.get_mut(body.start - 8..body.start - 4)?;
                id.copy_from_slice(b"JUNK");
            }
        }
    }
    Some(streams)
}

impl Streams {
    /// Reads an index of indexes, or notes an index of chunks.
    fn find_indexes(&mut self, index: &[u8]) -> Option<()> {
        let count = usize::try_from(u32::from_le_bytes(*index.get(4..)?.first_chunk()?)).ok()?;
        self.is_indexed |= count > 0 && index.get(3) == Some(&1);
        if index.get(3) == Some(&0) {
            let entries = index.get(ENTRIES..)?.chunks_exact(ENTRY).take(count);
            let places = entries.filter_map(|entry| entry.first_chunk().map(|at| u64::from_le_bytes(*at)));
            self.indexes.extend(places);
        }
        (self.indexes.len() <= usize::try_from(MOST_CHUNKS).ok()?).then_some(())
    }
}

/// Makes an index state that the chunks of all but pictures are empty, so that a reader leaves them out; whether it lists a
/// picture's.
fn keep_pictures(index: &mut [u8], pictures: &[bool]) -> bool {
    let mut is_indexed = false;
    for entry in index.get_mut(8..).unwrap_or_default().chunks_exact_mut(ENTRY) {
        let digit = |n: usize| entry.get(n).and_then(|&byte| char::from(byte).to_digit(10));
        let stream = digit(0).zip(digit(1)).map(|(tens, ones)| tens * 10 + ones);
        let stream = stream.and_then(|stream| usize::try_from(stream).ok());
        if stream.and_then(|stream| pictures.get(stream)) == Some(&true) {
            is_indexed = true;
        } else if let Some(size) = entry.get_mut(12..) {
            size.fill(0);
        }
    }
    is_indexed
}

/// The chunks in a part of some bytes, with the places of their bodies, up to the first that is incomplete.
fn children(bytes: &[u8], part: Range<usize>) -> Vec<([u8; 4], Range<usize>)> {
    let mut found = Vec::new();
    let mut at = part.start;
    while let Some(Chunk { id, end, .. }) = bytes.get(at..part.end).and_then(|rest| Chunk::read(rest, 0)) {
        let Ok(size) = usize::try_from(end) else { break };
        if size > part.end - at {
            break;
        }
        found.push((id, at + 8..at + size));
        at += size + size % 2;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(id: &[u8; 4], body: &[u8]) -> Vec<u8> {
        let size = u32::try_from(body.len()).unwrap().to_le_bytes();
        [&id[..], &size, body].concat()
    }

    fn stream(kind: &[u8; 4], index: &[u8]) -> Vec<u8> {
        let header = chunk(b"strh", &[&kind[..], &[0; 44]].concat());
        chunk(b"LIST", &[&b"strl"[..], &header[..], &chunk(b"indx", index)].concat())
    }

    #[test]
    fn a_header_keeps_the_indexes_of_pictures_alone_and_asks_for_a_reader_that_uses_them() {
        let mut index = vec![
            4, 0, 0, 0, 2, 0, 0, 0, b'0', b'0', b'd', b'c', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        ];
        for at in [5_000_u64, 1 << 33] {
            index.extend(at.to_le_bytes());
            index.extend([0; 8]);
        }
        let all = [
            chunk(b"avih", &[0; 56]),
            stream(b"vids", &index),
            stream(b"auds", &index),
        ]
        .concat();
        let mut header = chunk(b"LIST", &[&b"hdrl"[..], &all].concat());
        let streams = describe(&mut header).unwrap();
        assert_eq!(streams.pictures, [true, false]);
        assert_eq!(streams.indexes, [5_000, 1 << 33]);
        assert_eq!(header[12 + 8 + FLAGS], MUST_USE_INDEX);
        let count = |id: &[u8]| header.windows(4).filter(|found| *found == id).count();
        assert_eq!((count(b"indx"), count(b"JUNK")), (1, 1));
        let mut one = chunk(b"LIST", &[&b"hdrl"[..], &stream(b"iavs", &[])].concat());
        assert!(describe(&mut one).is_none());
    }

    #[test]
    fn an_index_keeps_its_positions_and_the_sizes_of_pictures_alone() {
        let entry = |id: &[u8; 4]| [&id[..], &[16, 0, 0, 0, 4, 0, 0, 0, 9, 0, 0, 0]].concat();
        let mut index = chunk(b"idx1", &[entry(b"01wb"), entry(b"00dc"), entry(b"??dc")].concat());
        let sizes = |index: &[u8]| index[8..].chunks(16).map(|it| it[12]).collect::<Vec<_>>();
        assert!(keep_pictures(&mut index, &[true, false]));
        assert_eq!(sizes(&index), [0, 9, 0]);
        assert!(!keep_pictures(&mut index, &[false, false]));
    }
}
