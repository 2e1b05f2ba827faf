//! The block of one segment: its samples and their offsets in the source.

use std::ops::Range;

use crate::bytes::{Cursor, PutVarint, Short, narrow, wide};
use crate::error::IndexError;

/// The samples of one segment, field by field.
///
/// Shape: `durations`, `sizes` and `offsets` have equal lengths; `key_frames` has the indices of key frames after the
///        first; `runs` are source ranges, each of samples that are also consecutive in the source
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) durations: Vec<u32>,
    pub(crate) sizes: Vec<u32>,
    pub(crate) offsets: Vec<i32>,
    pub(crate) key_frames: Vec<u32>,
    pub(crate) runs: Vec<Range<u64>>,
}

impl Block {
    pub(crate) fn clear(&mut self) {
        self.durations.clear();
        self.sizes.clear();
        self.offsets.clear();
        self.key_frames.clear();
        self.runs.clear();
    }

    pub(crate) fn push(&mut self, duration: u32, offset: i32, place: Range<u64>) -> Result<(), Short> {
        let size = place
            .end
            .checked_sub(place.start)
            .and_then(|size| u32::try_from(size).ok())
            .ok_or(Short)?;
        self.durations.push(duration);
        self.offsets.push(offset);
        self.sizes.push(size);
        match self.runs.last_mut() {
            _ if size == 0 => {}
            Some(run) if run.end == place.start => run.end = place.end,
            _ => self.runs.push(place),
        }
        Ok(())
    }

    /// Marks the next pushed sample as one that can be decoded on its own.
    pub(crate) fn mark_key_frame(&mut self) {
        if !self.sizes.is_empty() {
            self.key_frames
                .push(u32::try_from(self.sizes.len()).unwrap_or(u32::MAX));
        }
    }

    pub(crate) fn data_length(&self) -> u64 {
        self.sizes.iter().map(|&size| u64::from(size)).sum()
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.put_varint(wide(self.sizes.len()));
        for &size in &self.sizes {
            out.put_varint(size.into());
        }
        put_column(out, &self.durations);
        put_column(out, &self.offsets);
        out.put_varint(wide(self.key_frames.len()));
        let mut before = 0;
        for &place in &self.key_frames {
            out.put_varint(place.saturating_sub(before).into());
            before = place;
        }
        out.put_varint(wide(self.runs.len()));
        let mut before = 0_u64;
        for run in &self.runs {
            out.put_signed_varint(run.start.wrapping_sub(before).cast_signed());
            out.put_varint(run.end.saturating_sub(run.start));
            before = run.end;
        }
    }

    pub(crate) fn decode(bytes: &[u8], source_length: u64) -> Result<Self, IndexError> {
        let mut cursor = Cursor::new(bytes);
        let count = narrow(cursor.varint()?)?;
        // Every size takes at least one byte, so a wrong count can't allocate more memory than the block has bytes.
        if count > cursor.rest().len() {
            return Err(IndexError::Damaged("the count of samples"));
        }
        let mut block = Self::default();
        for _ in 0..count {
            block.sizes.push(cursor.varint_u32()?);
        }
        block.durations = column(&mut cursor, count)?;
        block.offsets = column(&mut cursor, count)?;
        let mut place = 0_u32;
        for _ in 0..cursor.varint()? {
            place = place.checked_add(cursor.varint_u32()?).ok_or(Short)?;
            block.key_frames.push(place);
        }
        let mut position = 0_u64;
        for _ in 0..cursor.varint()? {
            let start = position.wrapping_add(cursor.signed_varint()?.cast_unsigned());
            let end = start.checked_add(cursor.varint()?).ok_or(Short)?;
            if end > source_length || start >= end {
                return Err(IndexError::Damaged("an offset in the source"));
            }
            block.runs.push(start..end);
            position = end;
        }
        let placed = block
            .runs
            .iter()
            .try_fold(0_u64, |sum, run| sum.checked_add(run.end.checked_sub(run.start)?));
        if !cursor.is_empty() || placed != Some(block.data_length()) {
            return Err(IndexError::Damaged("the offsets of the samples"));
        }
        Ok(block)
    }
}

/// Writes numbers as multiples of their common divisor, in runs of equal numbers if that is shorter.
fn put_column<T: Copy + Into<i64>>(out: &mut Vec<u8>, values: &[T]) {
    let numbers = || values.iter().map(|&value| value.into());
    let divisor = numbers()
        .fold(0_u64, |divisor, number: i64| gcd(divisor, number.unsigned_abs()))
        .max(1);
    let unit = i64::try_from(divisor).unwrap_or(1);
    out.put_varint(divisor);
    let changes = numbers()
        .zip(numbers().skip(1))
        .filter(|(one, next)| one != next)
        .count();
    let in_runs = changes < values.len() / 2;
    out.push(u8::from(in_runs));
    if !in_runs {
        numbers().for_each(|number| out.put_signed_varint(number / unit));
        return;
    }
    let mut rest = numbers().peekable();
    while let Some(number) = rest.next() {
        let mut count = 1_u64;
        while rest.next_if_eq(&number).is_some() {
            count += 1;
        }
        out.put_signed_varint(number / unit);
        out.put_varint(count);
    }
}

fn gcd(one: u64, other: u64) -> u64 {
    let (mut one, mut other) = (one, other);
    while other != 0 {
        (one, other) = (other, one % other);
    }
    one
}

fn column<T: TryFrom<i64> + Copy>(cursor: &mut Cursor<'_>, count: usize) -> Result<Vec<T>, IndexError> {
    let unit = i64::try_from(cursor.varint()?).map_err(|_| Short)?;
    let in_runs = cursor.u8()? == 1;
    let mut values = Vec::with_capacity(count);
    while values.len() < count {
        let number = cursor.signed_varint()?.checked_mul(unit).ok_or(Short)?;
        let value = T::try_from(number).map_err(|_| Short)?;
        let repeat = if in_runs { narrow(cursor.varint()?)? } else { 1 };
        if repeat == 0 || repeat > count - values.len() {
            return Err(IndexError::Damaged("a column of numbers"));
        }
        values.extend(std::iter::repeat_n(value, repeat));
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn block_of(samples: &[(u32, i32, u32, bool)]) -> Block {
        let mut block = Block::default();
        let mut at = 1000;
        for &(duration, offset, size, apart) in samples {
            at += u64::from(apart) * 10;
            if apart {
                block.mark_key_frame();
            }
            block.push(duration, offset, at..at + u64::from(size)).unwrap();
            at += u64::from(size);
        }
        block
    }

    proptest! {
        #[test]
        fn a_block_comes_back(samples in prop::collection::vec((0..4_u32, -3..3_i32, 0..3000_u32, any::<bool>()), 0..40)) {
            let block = block_of(&samples);
            let mut bytes = Vec::new();
            block.encode(&mut bytes);
            prop_assert_eq!(Block::decode(&bytes, 1_000_000).unwrap(), block);
        }

        #[test]
        fn wrong_bytes_are_an_error_or_a_block_inside_the_source(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(block) = Block::decode(&bytes, 5000) {
                prop_assert!(block.runs.iter().all(|run| run.end <= 5000));
            }
        }
    }

    #[test]
    fn samples_that_follow_each_other_are_one_run() {
        let block = block_of(&[(1, 0, 10, false), (1, 0, 20, false), (1, 0, 0, true), (1, 0, 5, false)]);
        assert_eq!(block.runs, [1000..1030, 1040..1045]);
        assert_eq!(block.key_frames, [2]);
    }
}
