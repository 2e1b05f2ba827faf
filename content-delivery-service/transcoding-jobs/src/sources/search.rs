//! Finds what begins before a position of a source, whose container lists no positions.

use super::fetch::{Fetcher, SourceError};

/// How many bytes are searched at once.
const WINDOW: u64 = 256 << 10;
/// How far back a beginning is searched for.
const MOST: u64 = 64 << 20;
/// How many bytes a beginning is recognised by.
pub(super) const LOOK: usize = 32;

/// The last position at or before `at`, but not before `floor`, at which something begins; `is_begin` gets the next
/// [`LOOK`] bytes, or fewer at the end of the source. None if there is nothing within reason.
pub(super) async fn last_before(
    fetcher: &Fetcher,
    (floor, at, length): (u64, u64, u64),
    is_begin: fn(&[u8]) -> bool,
) -> Result<Option<u64>, SourceError> {
    let look = u64::try_from(LOOK).unwrap_or(0);
    // Positions from `end` on were looked at.
    let mut end = at.saturating_add(1).min(length);
    let lowest = floor.max(at.saturating_sub(MOST));
    while end > lowest {
        let start = end.saturating_sub(WINDOW).max(lowest);
        let bytes = fetcher.range(start..end.saturating_add(look).min(length)).await?;
        let places = usize::try_from(end - start).unwrap_or(0);
        let found = (0..places).rev().find(|&place| {
            let rest = bytes.get(place..).unwrap_or_default();
            is_begin(rest.get(..LOOK).unwrap_or(rest))
        });
        if let Some(place) = found {
            return Ok(Some(start + u64::try_from(place).unwrap_or(0)));
        }
        end = start;
    }
    Ok(None)
}
