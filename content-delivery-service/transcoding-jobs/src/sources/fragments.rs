//! MP4 and MOV in fragments as units: the movie without samples, and fragments.

use super::fetch::{Begun, SourceError};
use super::units::Units;
use fmp4::{TopBox, TopKind, is_fragment, is_movable};

/// Longer boxes before the first fragment are not kept.
const MOST: u64 = 8 << 20;
/// The most boxes before the first fragment.
const MOST_BOXES: u32 = 100;

/// Reads what precedes the fragments; none if they can't be read one without the other.
pub(super) async fn read(source: &Begun<'_>) -> Result<Option<Units>, SourceError> {
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
        if end > source.length || kept && end - at > MOST {
            break;
        }
        match found.kind {
            TopKind::Brand | TopKind::Movie => opening.extend_from_slice(&source.range(at..end).await?),
            TopKind::Fragment => {
                let is_usable = is_movable(&source.range(at..end).await?);
                return Ok(is_usable.then(|| Units {
                    opening: opening.into(),
                    first: at,
                    is_begin: is_fragment,
                }));
            }
            TopKind::Media | TopKind::FragmentIndex | TopKind::Other => {}
        }
        at = end;
    }
    Ok(None)
}
