//! Slices of files of units that each state their own time, such as Matroska's clusters and the fragments of MP4: what
//! describes the streams, and whole units behind it.

use super::fetch::{Begun, SourceError};
use super::recipe::{Part, Recipe};
use bytes::Bytes;
use std::ops::Range;

/// How many bytes are searched first, and at most at once: each step back is twice as long as the one before it.
const FIRST_STEP: u64 = 128 << 10;
const LONGEST_STEP: u64 = 4 << 20;
/// How far back the beginning of a unit is searched for.
const MOST: u64 = 64 << 20;
/// How many bytes a beginning is recognised by.
const LOOK: usize = 32;

/// What every slice of a file begins with, and where its units are.
#[derive(Debug)]
pub(super) struct Units {
    /// Describes the streams; nothing refers to it by its position.
    pub(super) opening: Bytes,
    /// Where the first unit begins.
    pub(super) first: u64,
    /// Whether a unit begins with the next [`LOOK`] bytes, or with fewer at the end of the source.
    pub(super) is_begin: fn(&[u8]) -> bool,
}

impl Units {
    pub(super) fn weight(&self) -> usize {
        self.opening.len()
    }

    /// The units that contain a range; none if their beginning can't be found.
    pub(super) async fn slice(&self, source: &Begun<'_>, range: &Range<u64>) -> Result<Option<Recipe>, SourceError> {
        let found = if range.start <= self.first {
            Some((self.first, Bytes::new()))
        } else {
            self.last_before(source, range.start).await?
        };
        Ok(found.map(|(from, read)| {
            let behind = from.saturating_add(u64::try_from(read.len()).unwrap_or(0));
            Recipe::of([
                Part::Known(self.opening.clone()),
                Part::Known(read),
                Part::Stored(behind..range.end.max(behind)),
            ])
        }))
    }

    /// The last unit that begins at or before a position: where, and the bytes of it that were read to find it, which need
    /// not be fetched again. None if there is none within reason.
    async fn last_before(&self, source: &Begun<'_>, at: u64) -> Result<Option<(u64, Bytes)>, SourceError> {
        let look = u64::try_from(LOOK).unwrap_or(0);
        let lowest = self.first.max(at.saturating_sub(MOST));
        // Everything from `end` on was searched, and is `behind`.
        let mut end = at.saturating_add(look).min(source.length);
        let mut behind = Vec::new();
        let mut step = FIRST_STEP;
        while end > lowest {
            let start = end.saturating_sub(step).max(lowest);
            let mut bytes = source.range(start..end).await?.to_vec();
            bytes.append(&mut behind);
            let places = end.min(at.saturating_add(1)).saturating_sub(start);
            let places = usize::try_from(places).unwrap_or(0);
            if let Some(place) = (0..places).rev().find(|&place| self.begins(&bytes, place)) {
                let found = start.saturating_add(u64::try_from(place).unwrap_or(0));
                return Ok(Some((found, Bytes::from(bytes).slice(place..))));
            }
            (end, behind) = (start, bytes);
            step = (step * 2).min(LONGEST_STEP);
        }
        Ok(None)
    }

    fn begins(&self, bytes: &[u8], place: usize) -> bool {
        let rest = bytes.get(place..).unwrap_or_default();
        (self.is_begin)(rest.get(..LOOK).unwrap_or(rest))
    }
}
