//! The range of bytes that a request asks for.
//!
//! Source: RFC 9110 §14

use http::HeaderMap;
use http::header::RANGE;
use std::ops::Range;

/// What of a resource a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// All of it.
    All,
    /// Some of its bytes.
    Part(Range<usize>),
    /// Bytes that it does not have.
    Nothing,
}

impl Wanted {
    /// Reads a single byte range of a resource of this length; a malformed one, one of another unit, and several at once are
    /// ignored.
    #[must_use]
    pub fn of(headers: &HeaderMap, length: usize) -> Self {
        let mut values = headers.get_all(RANGE).into_iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return Self::All;
        };
        value
            .to_str()
            .ok()
            .and_then(|text| single(text, length))
            .unwrap_or(Self::All)
    }
}

fn single(text: &str, length: usize) -> Option<Wanted> {
    let (unit, set) = text.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") || set.contains(',') {
        return None;
    }
    let (first, last) = set.trim().split_once('-')?;
    if first.is_empty() {
        let suffix = position(last)?;
        return Some(match length {
            0 => Wanted::Nothing,
            _ if suffix == 0 => Wanted::Nothing,
            _ => Wanted::Part(length.saturating_sub(suffix)..length),
        });
    }
    let first = position(first)?;
    let last = if last.is_empty() { usize::MAX } else { position(last)? };
    if last < first {
        return None;
    }
    Some(if first >= length {
        Wanted::Nothing
    } else {
        Wanted::Part(first..last.saturating_add(1).min(length))
    })
}

/// A number of any length; one that no memory holds lies beyond the end.
fn position(digits: &str) -> Option<usize> {
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| digits.parse().unwrap_or(usize::MAX))
}
