//! Slices of MP4 and MOV in fragments: the movie without samples, and whole fragments, each of which states its own time.

use super::fetch::{Begun, Fetcher, SourceError};
use super::recipe::{Part, Recipe};
use super::search;
use bytes::Bytes;
use fmp4::{TopBox, TopKind, is_fragment, is_movable};
use std::ops::Range;

/// Longer boxes before the first fragment are not kept.
const MOST: u64 = 8 << 20;
/// The most boxes before the first fragment.
const MOST_BOXES: u32 = 100;

/// What every slice of a file begins with.
#[derive(Debug)]
pub(super) struct Fragments {
    /// The brand and the movie.
    opening: Bytes,
    /// Where the first fragment begins.
    first: u64,
    length: u64,
}

impl Fragments {
    /// Reads what precedes the fragments; none if they can't be read one without the other.
    pub(super) async fn read(source: &Begun<'_>) -> Result<Option<Self>, SourceError> {
        let length = source.length;
        let mut opening = Vec::new();
        let mut at = 0;
        for _ in 0..MOST_BOXES {
            let header = source.header(at, 16).await?;
            let Some(found) = TopBox::read(&header) else {
                break;
            };
            let Some(end) = found.size.map(|size| at.saturating_add(size)) else {
                break;
            };
            let kept = matches!(found.kind, TopKind::Brand | TopKind::Movie | TopKind::Fragment);
            if end > length || kept && end - at > MOST {
                break;
            }
            match found.kind {
                TopKind::Brand | TopKind::Movie => opening.extend_from_slice(&source.range(at..end).await?),
                TopKind::Fragment => {
                    let is_usable = is_movable(&source.range(at..end).await?);
                    return Ok(is_usable.then(|| Self {
                        opening: opening.into(),
                        first: at,
                        length,
                    }));
                }
                TopKind::Media | TopKind::FragmentIndex | TopKind::Other => {}
            }
            at = end;
        }
        Ok(None)
    }

    pub(super) fn weight(&self) -> usize {
        self.opening.len()
    }

    /// The fragments that contain a range; none if their beginning can't be found.
    pub(super) async fn slice(&self, fetcher: &Fetcher, range: &Range<u64>) -> Result<Option<Recipe>, SourceError> {
        let from = if range.start <= self.first {
            Some(self.first)
        } else {
            search::last_before(fetcher, (self.first, range.start, self.length), is_fragment).await?
        };
        Ok(from.map(|from| {
            Recipe::of([
                Part::Known(self.opening.clone()),
                Part::Stored(from..range.end.max(from)),
            ])
        }))
    }
}
