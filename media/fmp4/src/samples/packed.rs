//! The samples of fragments, packed in a few bytes each.

use super::{MAX_SAMPLES, Sample};
use crate::bytes::{Cursor, PutVarint, Short};
use crate::error::ScanError;

const SYNC: u8 = 1;
const FOLLOWS: u8 = 2;
const SAME_DURATION: u8 = 4;
const SAME_COMPOSITION: u8 = 8;

/// The samples of one track's fragments.
#[derive(Clone, Debug, Default)]
pub(crate) struct Packed {
    bytes: Vec<u8>,
    count: u64,
    start: Option<i64>,
    last: Last,
}

/// The values that the next sample is stored relative to.
#[derive(Clone, Copy, Debug, Default)]
struct Last {
    end: u64,
    duration: u32,
    composition: i32,
}

impl Packed {
    /// When the first sample is decoded.
    pub(super) fn start(&self) -> i64 {
        self.start.unwrap_or(0)
    }

    pub(crate) fn begin_at(&mut self, time: i64) {
        self.start.get_or_insert(time);
    }

    pub(crate) fn push(&mut self, sample: Sample) -> Result<(), ScanError> {
        self.count += 1;
        if self.count > MAX_SAMPLES {
            return Err(ScanError::Limits("too many samples"));
        }
        let last = self.last;
        let flag = |set: bool, flag: u8| if set { flag } else { 0 };
        let follows = sample.offset == last.end;
        let same_duration = sample.duration == last.duration;
        let same_composition = sample.composition == last.composition;
        self.bytes.push(
            flag(sample.sync, SYNC)
                | flag(follows, FOLLOWS)
                | flag(same_duration, SAME_DURATION)
                | flag(same_composition, SAME_COMPOSITION),
        );
        self.bytes.put_varint(sample.size.into());
        if !follows {
            self.bytes.put_varint(sample.offset);
        }
        if !same_duration {
            self.bytes.put_varint(sample.duration.into());
        }
        if !same_composition {
            self.bytes.put_signed_varint(sample.composition.into());
        }
        let end = sample.end().ok_or(ScanError::Malformed("an offset is out of range"))?;
        self.last = Last {
            end,
            duration: sample.duration,
            composition: sample.composition,
        };
        Ok(())
    }

    pub(super) fn samples(&self) -> PackedSamples<'_> {
        PackedSamples {
            cursor: Cursor::new(&self.bytes),
            last: Last::default(),
        }
    }
}

/// The samples of one track's fragments in order.
pub(crate) struct PackedSamples<'a> {
    cursor: Cursor<'a>,
    last: Last,
}

impl PackedSamples<'_> {
    pub(super) fn next(&mut self) -> Result<Option<Sample>, Short> {
        if self.cursor.is_empty() {
            return Ok(None);
        }
        let flags = self.cursor.u8()?;
        let size = self.cursor.varint_u32()?;
        let offset = if flags & FOLLOWS == 0 {
            self.cursor.varint()?
        } else {
            self.last.end
        };
        if flags & SAME_DURATION == 0 {
            self.last.duration = self.cursor.varint_u32()?;
        }
        if flags & SAME_COMPOSITION == 0 {
            self.last.composition = i32::try_from(self.cursor.signed_varint()?).map_err(|_| Short)?;
        }
        let Last {
            duration, composition, ..
        } = self.last;
        let sample = Sample {
            offset,
            size,
            duration,
            composition,
            sync: flags & SYNC != 0,
        };
        self.last.end = sample.end().ok_or(Short)?;
        Ok(Some(sample))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn samples_come_back(
            list in prop::collection::vec((0..3_u64, 0..200_u32, 0..3_u32, -2..2_i32, any::<bool>()), 0..50)
        ) {
            let samples: Vec<Sample> = list.into_iter().map(|(offset, size, duration, composition, sync)| Sample {
                offset: offset * 100, size, duration, composition, sync,
            }).collect();
            let mut packed = Packed::default();
            samples.iter().for_each(|&sample| packed.push(sample).unwrap());
            let mut cursor = packed.samples();
            let found: Vec<Sample> = std::iter::from_fn(|| cursor.next().unwrap()).collect();
            prop_assert_eq!(found, samples);
        }
    }
}
