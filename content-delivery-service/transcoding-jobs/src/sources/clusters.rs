//! Matroska and WebM as units: a description of the tracks, and clusters.
//!
//! Source: RFC 8794 (EBML), RFC 9559 (Matroska)

use super::fetch::{Begun, SourceError};
use super::units::Units;
use crate::containers::ebml;

/// Longer descriptions of tracks are not kept.
const MOST: u64 = 8 << 20;
/// The most elements before the first cluster.
const MOST_ELEMENTS: u32 = 1_000;
/// The header of a segment whose length is not known.
const OPEN_SEGMENT: [u8; 12] = [0x18, 0x53, 0x80, 0x67, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
/// What a cluster may begin with: its time, a checksum, padding, its position, the size of the cluster before it.
const FIRST_CHILDREN: [u8; 5] = [0xe7, 0xbf, 0xec, 0xa7, 0xab];

/// Reads the description of a file's tracks; none if it is damaged or larger than any honest one.
pub(super) async fn read(source: &Begun<'_>) -> Result<Option<Units>, SourceError> {
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
                return Ok(Some(Units {
                    opening: opening.into(),
                    first: at,
                    is_begin: is_cluster,
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
