//! Covers many ranges with few reads: audio and video samples are interleaved, and reading a gap between
//! two ranges is cheaper than a second call.

use super::ObjectError;
use bytes::Bytes;
use std::ops::Range;

/// Gaps up to this many bytes are read, too.
const GAP: u64 = 64 << 10;

/// The reads that cover the ranges, in order and without overlaps.
pub(super) fn merge(ranges: &[Range<u64>]) -> Vec<Range<u64>> {
    let mut wanted: Vec<&Range<u64>> = ranges.iter().filter(|range| range.start < range.end).collect();
    wanted.sort_unstable_by_key(|range| range.start);
    let mut reads: Vec<Range<u64>> = Vec::new();
    for range in wanted {
        match reads.last_mut() {
            Some(read) if range.start <= read.end.saturating_add(GAP) => read.end = read.end.max(range.end),
            _ => reads.push(range.clone()),
        }
    }
    reads
}

/// Cuts the ranges out of the reads, without copying.
///
/// Errors: [`ObjectError::Invalid`] if the object ends before a range does
pub(super) fn split(ranges: &[Range<u64>], reads: &[Range<u64>], read: &[Bytes]) -> Result<Vec<Bytes>, ObjectError> {
    ranges.iter().map(|range| cut(range, reads, read)).collect()
}

fn cut(range: &Range<u64>, reads: &[Range<u64>], read: &[Bytes]) -> Result<Bytes, ObjectError> {
    if range.start >= range.end {
        return Ok(Bytes::new());
    }
    let after = reads.partition_point(|read| read.start <= range.start);
    let part = after.checked_sub(1).and_then(|index| {
        let bytes = read.get(index)?;
        let start = usize::try_from(range.start - reads.get(index)?.start).ok()?;
        let end = start.checked_add(usize::try_from(range.end - range.start).ok()?)?;
        (end <= bytes.len()).then(|| bytes.slice(start..end))
    });
    part.ok_or_else(|| ObjectError::Invalid(format!("the object ends before byte {}", range.end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_ranges_become_one_read_and_far_ones_stay_apart() {
        let far = GAP + 1_000;
        let ranges = [40..50, 10..20, 0..0, far..far + 5, 12..30];
        assert_eq!(merge(&ranges), [10..50, far..far + 5]);
    }

    #[test]
    fn ranges_are_returned_in_the_requested_order() {
        let object: Vec<u8> = (0..200).collect();
        let part = |range: &Range<u64>| {
            let bounds = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
            Bytes::copy_from_slice(&object[bounds])
        };
        let ranges = [150..160, 0..10, 5..5, 3..12];
        let reads = merge(&ranges);
        let read: Vec<Bytes> = reads.iter().map(part).collect();
        let expected: Vec<Bytes> = ranges.iter().map(part).collect();
        assert_eq!(split(&ranges, &reads, &read).unwrap(), expected);
    }

    #[test]
    fn a_range_beyond_the_end_is_reported() {
        let read = [Bytes::from_static(b"abc")];
        assert!(matches!(
            split(&[0..2, 1..4], &merge(&[0..2, 1..4]), &read),
            Err(ObjectError::Invalid(_))
        ));
    }
}
