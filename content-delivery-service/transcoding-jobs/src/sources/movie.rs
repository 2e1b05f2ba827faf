//! Slices of MP4 and MOV with a table of all samples: the table, with the chunks moved to where the slice has them.

use super::fetch::{Begun, SourceError};
use super::recipe::{Part, Recipe};
use bytes::Bytes;
use fmp4::{TopBox, TopKind, chunks, move_chunks};
use std::ops::Range;

/// Longer tables are not kept in memory.
const MOST: u64 = 64 << 20;
/// The most boxes at the top of a file.
const MOST_BOXES: u32 = 1_000;
/// How much of the media every slice begins with: a reader examines the first frames of each stream.
const OPENING: u64 = 1 << 20;
/// Ranges nearer than this to the opening are fetched together with what is between.
const NEAR: u64 = 64 << 10;
/// The header of media up to the end of the file.
const OPEN_MEDIA: [u8; 8] = *b"\0\0\0\0mdat";

/// What every slice of a file begins with.
#[derive(Debug)]
pub(super) struct Movie {
    /// The `ftyp` box; empty in old QuickTime files.
    brand: Bytes,
    /// The `moov` box.
    table: Bytes,
    table_at: u64,
    /// Headers of all boxes at the top, by their positions.
    headers: Vec<(u64, Bytes)>,
    /// The first bytes of the media, and where they are.
    opening: Bytes,
    media: u64,
    /// The positions of all chunks, ascending.
    chunks: Vec<u64>,
    /// Whether it can be read from a pipe.
    pub(super) in_order: bool,
    length: u64,
}

/// The boxes at the top of a file.
#[derive(Default)]
struct Top {
    brand: Range<u64>,
    table: Range<u64>,
    /// The contents of the first box of media.
    media: Option<Range<u64>>,
    headers: Vec<(u64, Bytes)>,
}

impl Movie {
    /// Reads the table of a file; none if it has none that can be used.
    pub(super) async fn read(source: &Begun<'_>) -> Result<Option<Self>, SourceError> {
        let length = source.length;
        let Some(top) = Top::read(source).await? else {
            return Ok(None);
        };
        let size = top.table.end - top.table.start;
        let Some(media) = top
            .media
            .filter(|_| size > 0 && size <= MOST && top.table.end <= length)
        else {
            return Ok(None);
        };
        let table = source.range(top.table.clone()).await?;
        let Some(found) = chunks(&table) else {
            return Ok(None);
        };
        let end = media.end.min(media.start.saturating_add(OPENING)).min(length);
        Ok(Some(Self {
            brand: source.range(top.brand).await?,
            table,
            table_at: top.table.start,
            headers: top.headers,
            opening: source.range(media.start..end).await?,
            media: media.start,
            chunks: found.positions,
            in_order: found.in_order,
            length,
        }))
    }

    pub(super) fn weight(&self) -> usize {
        self.table.len() + self.opening.len() + self.chunks.len() * size_of::<u64>()
    }

    /// Where the media begins, and where what may be media ends.
    pub(super) fn media(&self) -> Range<u64> {
        let end = if self.table_at > self.media {
            self.table_at
        } else {
            self.length
        };
        self.media..end
    }

    /// A file with the samples of a range; none if their positions don't fit the table.
    ///
    /// Times are those of the source. Samples outside of the range are at positions where there is nothing to read.
    pub(super) fn slice(&self, range: &Range<u64>) -> Option<Recipe> {
        let opened = self.media + size(&self.opening);
        let range = range.start.max(self.media)..range.end.max(self.media);
        let base = size(&self.brand) + size(&self.table) + size(&OPEN_MEDIA);
        let media = |table: Vec<u8>, parts: Vec<Part>| {
            let begin = [self.brand.clone(), table.into(), Bytes::from_static(&OPEN_MEDIA)];
            Recipe::of(begin.map(Part::Known).into_iter().chain(parts))
        };
        let opening = Part::Known(self.opening.clone());
        if range.start <= opened.saturating_add(NEAR) {
            let end = range.end.max(opened);
            let near = |at: u64| Some(at.checked_sub(self.media).filter(|_| at < end)? + base);
            let table = move_chunks(&self.table, near)?;
            let rest = Part::Stored(opened..end);
            return Some(media(table, vec![opening, rest]));
        }
        // The chunk in which the range begins may begin long before it.
        let before = self.chunks.partition_point(|&chunk| chunk <= range.start);
        let first = before.checked_sub(1).and_then(|n| self.chunks.get(n)).copied();
        let first = first.unwrap_or(range.start).min(range.start);
        let place = base + size(&self.opening);
        let gap = (range.start - first).saturating_sub(place);
        let table = move_chunks(&self.table, |at| {
            if at < opened && at < first {
                return Some(at.checked_sub(self.media)? + base);
            }
            if at >= range.end {
                return None;
            }
            (at + place + gap).checked_sub(range.start)
        })?;
        Some(media(table, vec![opening, Part::Gap(gap), Part::Stored(range)]))
    }

    /// The file without its samples, but for the first ones.
    pub(super) fn table(&self, begin: &Bytes) -> Recipe {
        let mut known = vec![(0, begin.clone()), (self.table_at, self.table.clone())];
        known.push((self.media, self.opening.clone()));
        known.extend(self.headers.iter().cloned());
        Recipe::sparse(known, &(0..0), self.length)
    }
}

impl Top {
    /// Reads the headers of all boxes; none if there are fragments, or no boxes.
    async fn read(source: &Begun<'_>) -> Result<Option<Self>, SourceError> {
        let length = source.length;
        let mut top = Self::default();
        let mut at = 0;
        for _ in 0..MOST_BOXES {
            if at >= length {
                break;
            }
            let header = source.header(at, 16).await?;
            let Some(found) = TopBox::read(&header) else {
                break; // Whatever follows is no box.
            };
            let end = found.size.map_or(length, |size| at.saturating_add(size)).min(length);
            match found.kind {
                TopKind::Fragment => return Ok(None),
                TopKind::Brand => top.brand = at..end,
                TopKind::Movie if top.table.is_empty() => top.table = at..end,
                TopKind::Media if top.media.is_none() => top.media = Some(at.saturating_add(found.header)..end),
                _ => {}
            }
            top.headers.push((at, header));
            at = end;
        }
        Ok(Some(top))
    }
}

fn size(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
