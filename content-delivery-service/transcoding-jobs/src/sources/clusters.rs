//! Slices of Matroska and WebM: a description of the tracks, and whole clusters, each of which states its own time.
//!
//! Source: RFC 8794 (EBML), RFC 9559 (Matroska)

use super::fetch::{Begun, Fetcher, SourceError};
use super::recipe::{Part, Recipe};
use super::search;
use crate::containers::ebml;
use bytes::Bytes;
use std::ops::Range;

/// Longer descriptions of tracks are not kept.
const MOST: u64 = 8 << 20;
/// The most elements before the first cluster.
const MOST_ELEMENTS: u32 = 1_000;
/// The header of a segment whose length is not known.
const OPEN_SEGMENT: [u8; 12] = [0x18, 0x53, 0x80, 0x67, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
/// What a cluster may begin with: its time, a checksum, padding, its position, the size of the cluster before it.
const FIRST_CHILDREN: [u8; 5] = [0xe7, 0xbf, 0xec, 0xa7, 0xab];

/// What every slice of a file begins with.
#[derive(Debug)]
pub(super) struct Clusters {
    /// A file without clusters, which nothing refers to by its position.
    opening: Bytes,
    /// Where the first cluster begins.
    first: u64,
    length: u64,
}

impl Clusters {
    /// Reads the description of a file's tracks; none if it is damaged or larger than any honest one.
    pub(super) async fn read(source: &Begun<'_>) -> Result<Option<Self>, SourceError> {
        let Some(header) = element(source, 0).await? else {
            return Ok(None);
        };
        let Some(end) = header.end.filter(|&end| header.id == ebml::HEADER && end <= MOST) else {
            return Ok(None);
        };
        let mut opening = source.range(0..end).await?.to_vec();
        opening.extend(OPEN_SEGMENT);
        let segment = element(source, end).await?;
        let Some(mut at) = segment.filter(|it| it.id == ebml::SEGMENT).map(|it| it.start) else {
            return Ok(None);
        };
        for _ in 0..MOST_ELEMENTS {
            let Some(found) = element(source, at).await? else {
                return Ok(None);
            };
            match (found.id, found.end) {
                (ebml::CLUSTER, _) => {
                    return Ok(Some(Self {
                        opening: opening.into(),
                        first: at,
                        length: source.length,
                    }));
                }
                (_, None) => return Ok(None),
                (ebml::TRACKS | ebml::INFO, Some(end)) => {
                    if end.saturating_sub(at) > MOST || end > source.length {
                        return Ok(None);
                    }
                    opening.extend_from_slice(&source.range(at..end).await?);
                    at = end;
                }
                // Indexes and attachments are not needed to read from one cluster to the next.
                (_, Some(end)) => at = end,
            }
        }
        Ok(None)
    }

    pub(super) fn weight(&self) -> usize {
        self.opening.len()
    }

    /// The clusters that contain a range; none if their beginning can't be found.
    pub(super) async fn slice(&self, fetcher: &Fetcher, range: &Range<u64>) -> Result<Option<Recipe>, SourceError> {
        let from = if range.start <= self.first {
            Some(self.first)
        } else {
            let places = (self.first, range.start, self.length);
            search::last_before(fetcher, places, is_cluster).await?
        };
        Ok(from.map(|from| Recipe::of([Part::Known(self.opening.clone()), Part::Stored(from..range.end)])))
    }
}

/// Whether a cluster begins here.
fn is_cluster(bytes: &[u8]) -> bool {
    if !bytes.starts_with(&[0x1f, 0x43, 0xb6, 0x75]) {
        return false;
    }
    let header = ebml::parse(bytes).map(|(_, _, header)| header);
    let child = header.and_then(|header| bytes.get(header));
    child.is_some_and(|child| FIRST_CHILDREN.contains(child))
}

/// The element at a position.
async fn element(source: &Begun<'_>, at: u64) -> Result<Option<ebml::Element>, SourceError> {
    let header = source.header(at, 12).await?;
    Ok(ebml::Element::at(&header, at))
}
