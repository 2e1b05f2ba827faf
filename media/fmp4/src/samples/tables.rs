//! The sample tables of a movie, read in place.
//!
//! Source: ISO/IEC 14496-12 §8.6 and §8.7

use std::iter::Peekable;
use std::slice::Iter;

use super::{MAX_SAMPLES, Sample};
use crate::boxes::children;
use crate::bytes::{Cursor, Short, narrow, wide};
use crate::error::ScanError;

const NOT_ENOUGH: ScanError = ScanError::Malformed("a sample table ends early");

/// The sample tables of one track.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tables<'a> {
    durations: &'a [[u8; 8]],
    compositions: Option<&'a [[u8; 8]]>,
    chunk_groups: &'a [[u8; 12]],
    chunks: Chunks<'a>,
    sizes: Sizes<'a>,
    /// `None` if every sample can be decoded on its own.
    syncs: Option<&'a [[u8; 4]]>,
}

#[derive(Clone, Copy, Debug)]
enum Chunks<'a> {
    Short(&'a [[u8; 4]]),
    Long(&'a [[u8; 8]]),
}

impl Default for Chunks<'_> {
    fn default() -> Self {
        Self::Short(&[])
    }
}

#[derive(Clone, Copy, Debug)]
enum Sizes<'a> {
    Equal {
        size: u32,
        count: u32,
    },
    Words(&'a [[u8; 4]]),
    /// Fields of 4, 8 or 16 bits.
    Narrow {
        bits: u8,
        count: u32,
        bytes: &'a [u8],
    },
}

impl Default for Sizes<'_> {
    fn default() -> Self {
        Self::Equal { size: 0, count: 0 }
    }
}

impl<'a> Tables<'a> {
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, ScanError> {
        let mut tables = Self::default();
        for child in children(body) {
            let (kind, body) = child?;
            match &kind {
                b"stts" => tables.durations = entries(body)?,
                b"ctts" => tables.compositions = Some(entries(body)?),
                b"stsc" => tables.chunk_groups = entries(body)?,
                b"stco" => tables.chunks = Chunks::Short(entries(body)?),
                b"co64" => tables.chunks = Chunks::Long(entries(body)?),
                b"stsz" => tables.sizes = sizes(body)?,
                b"stz2" => tables.sizes = narrow_sizes(body)?,
                b"stss" => tables.syncs = Some(entries(body)?),
                _ => {}
            }
        }
        if u64::from(tables.count()) > MAX_SAMPLES {
            return Err(ScanError::Limits("too many samples"));
        }
        Ok(tables)
    }

    pub(crate) fn count(&self) -> u32 {
        match self.sizes {
            Sizes::Equal { count, .. } | Sizes::Narrow { count, .. } => count,
            Sizes::Words(words) => u32::try_from(words.len()).unwrap_or(u32::MAX),
        }
    }

    /// Rejects a count of samples that exceeds the file's size.
    pub(crate) fn check_room(&self, file: u64) -> Result<(), ScanError> {
        let size = match self.sizes {
            Sizes::Equal { size, .. } => size.max(1),
            _ => 1,
        };
        match u64::from(self.count()).checked_mul(size.into()) {
            Some(total) if total <= file => Ok(()),
            _ => Err(ScanError::Limits("more samples than fit in the file")),
        }
    }

    /// Whether the sizes are of samples as they are stored; `QuickTime` sound often has the size 1 for each moment of sound.
    pub(crate) fn has_sizes(&self) -> bool {
        !matches!(self.sizes, Sizes::Equal { size: 1, .. })
    }

    /// When the sample after the last one would be decoded.
    pub(crate) fn end(&self) -> Result<i64, ScanError> {
        let end = self.durations.iter().try_fold(0_i64, |sum, entry| {
            let (count, duration) = pair(entry);
            sum.checked_add(i64::try_from(u64::from(count).checked_mul(duration.into())?).ok()?)
        });
        end.ok_or(ScanError::Malformed("times are out of range"))
    }

    pub(crate) fn samples(&self) -> TableSamples<'a> {
        TableSamples {
            durations: self.durations.iter(),
            duration: Run::default(),
            compositions: self.compositions.map(<[_]>::iter),
            composition: Run::default(),
            groups: self.chunk_groups.iter().peekable(),
            chunks: self.chunks,
            chunk: 0,
            per_chunk: 0,
            left_in_chunk: 0,
            position: 0,
            sizes: self.sizes,
            syncs: self.syncs.map(|syncs| syncs.iter().peekable()),
            index: 0,
            count: self.count(),
        }
    }
}

/// The entries of a table, which are preceded by their count.
fn entries<const N: usize>(body: &[u8]) -> Result<&[[u8; N]], ScanError> {
    let mut cursor = Cursor::new(body);
    cursor.version_and_flags()?;
    let count = narrow(cursor.u32()?.into())?;
    cursor.rest().as_chunks().0.get(..count).ok_or(NOT_ENOUGH)
}

fn sizes(body: &[u8]) -> Result<Sizes<'_>, ScanError> {
    let mut cursor = Cursor::new(body);
    cursor.version_and_flags()?;
    match (cursor.u32()?, cursor.u32()?) {
        (0, count) => {
            let words = cursor.rest().as_chunks().0;
            words.get(..narrow(count.into())?).map(Sizes::Words).ok_or(NOT_ENOUGH)
        }
        (size, count) => Ok(Sizes::Equal { size, count }),
    }
}

fn narrow_sizes(body: &[u8]) -> Result<Sizes<'_>, ScanError> {
    let mut cursor = Cursor::new(body);
    cursor.version_and_flags()?;
    cursor.skip(3)?;
    let (bits, count, bytes) = (cursor.u8()?, cursor.u32()?, cursor.rest());
    if !matches!(bits, 4 | 8 | 16) {
        return Err(ScanError::Malformed("sizes of an unknown width"));
    }
    let needed = u64::from(count).saturating_mul(bits.into()).div_ceil(8);
    if needed > wide(bytes.len()) {
        Err(NOT_ENOUGH)
    } else {
        Ok(Sizes::Narrow { bits, count, bytes })
    }
}

fn pair(entry: &[u8; 8]) -> (u32, u32) {
    let [a, b, c, d, e, f, g, h] = *entry;
    (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]))
}

/// A run of samples with the same value.
#[derive(Clone, Copy, Debug, Default)]
struct Run {
    left: u32,
    value: u32,
}

impl Run {
    fn next(&mut self, entries: &mut Iter<'_, [u8; 8]>) -> Result<u32, ScanError> {
        while self.left == 0 {
            (self.left, self.value) = entries.next().map(pair).ok_or(NOT_ENOUGH)?;
        }
        self.left -= 1;
        Ok(self.value)
    }
}

/// The samples that the tables describe, in order.
pub(crate) struct TableSamples<'a> {
    durations: Iter<'a, [u8; 8]>,
    duration: Run,
    compositions: Option<Iter<'a, [u8; 8]>>,
    composition: Run,
    groups: Peekable<Iter<'a, [u8; 12]>>,
    chunks: Chunks<'a>,
    /// The number of chunks started.
    chunk: u32,
    per_chunk: u32,
    left_in_chunk: u32,
    /// The offset of the next sample.
    position: u64,
    sizes: Sizes<'a>,
    syncs: Option<Peekable<Iter<'a, [u8; 4]>>>,
    /// The number of samples returned.
    index: u32,
    count: u32,
}

impl TableSamples<'_> {
    pub(crate) fn next(&mut self) -> Result<Option<Sample>, ScanError> {
        if self.index >= self.count {
            return Ok(None);
        }
        while self.left_in_chunk == 0 {
            self.begin_chunk()?;
        }
        self.left_in_chunk -= 1;
        let size = self.size()?;
        let duration = self.duration.next(&mut self.durations)?;
        let composition = match &mut self.compositions {
            // Version 0 is unsigned by the standard, but many writers put negative numbers there, and no real offset
            // exceeds 2^31.
            Some(entries) => self.composition.next(entries)?.cast_signed(),
            None => 0,
        };
        self.index += 1;
        let sample = Sample {
            offset: self.position,
            size,
            duration,
            composition,
            sync: self.is_sync(),
        };
        self.position = sample.end().ok_or(ScanError::Malformed("an offset is out of range"))?;
        Ok(Some(sample))
    }

    fn begin_chunk(&mut self) -> Result<(), ScanError> {
        self.position = match &mut self.chunks {
            Chunks::Short(chunks) => {
                let (first, rest) = chunks.split_first().ok_or(NOT_ENOUGH)?;
                *chunks = rest;
                u32::from_be_bytes(*first).into()
            }
            Chunks::Long(chunks) => {
                let (first, rest) = chunks.split_first().ok_or(NOT_ENOUGH)?;
                *chunks = rest;
                u64::from_be_bytes(*first)
            }
        };
        self.chunk = self.chunk.saturating_add(1);
        while let Some(group) = self.groups.next_if(|group| first_chunk(group) <= self.chunk) {
            self.per_chunk = Cursor::new(group.get(4..).unwrap_or_default()).u32()?;
        }
        self.left_in_chunk = self.per_chunk;
        Ok(())
    }

    fn size(&self) -> Result<u32, Short> {
        let index = narrow(self.index.into())?;
        match self.sizes {
            Sizes::Equal { size, .. } => Ok(size),
            Sizes::Words(words) => words.get(index).map(|word| u32::from_be_bytes(*word)).ok_or(Short),
            Sizes::Narrow { bits: 16, bytes, .. } => {
                let pairs: &[[u8; 2]] = bytes.as_chunks().0;
                pairs
                    .get(index)
                    .map(|pair| u16::from_be_bytes(*pair).into())
                    .ok_or(Short)
            }
            Sizes::Narrow { bits: 8, bytes, .. } => bytes.get(index).map(|&byte| byte.into()).ok_or(Short),
            Sizes::Narrow { bytes, .. } => {
                let byte = *bytes.get(index / 2).ok_or(Short)?;
                Ok(if index.is_multiple_of(2) { byte >> 4 } else { byte & 0xf }.into())
            }
        }
    }

    /// Whether the table of sync samples contains the sample just counted.
    fn is_sync(&mut self) -> bool {
        let number = self.index;
        let Some(syncs) = &mut self.syncs else { return true };
        while syncs.next_if(|entry| u32::from_be_bytes(**entry) < number).is_some() {}
        syncs.peek().is_some_and(|entry| u32::from_be_bytes(**entry) == number)
    }
}

fn first_chunk(group: &[u8; 12]) -> u32 {
    let [a, b, c, d, ..] = *group;
    u32::from_be_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boxes::{put_box, put_u32};
    use proptest::prelude::*;

    fn table(kind: &[u8; 4], words: &[u32]) -> Vec<u8> {
        let mut out = Vec::new();
        put_box(&mut out, *kind, |out| {
            put_u32(out, 0);
            words.iter().for_each(|&word| put_u32(out, word));
        });
        out
    }

    fn all(body: &[u8]) -> Result<Vec<Sample>, ScanError> {
        let mut samples = Tables::parse(body)?.samples();
        std::iter::from_fn(|| samples.next().transpose()).collect()
    }

    #[test]
    fn tables_are_joined_sample_by_sample() {
        let body = [
            table(b"stts", &[2, 3, 10, 1, 20]),
            table(b"ctts", &[2, 1, 5, 3, 0_u32.wrapping_sub(7)]),
            table(b"stsc", &[2, 1, 1, 1, 2, 3, 1]),
            table(b"stco", &[2, 100, 1000]),
            table(b"stsz", &[0, 4, 11, 12, 13, 14]),
            table(b"stss", &[2, 1, 3]),
        ]
        .concat();
        let sample = |offset, size, duration, composition, sync| Sample {
            offset,
            size,
            duration,
            composition,
            sync,
        };
        let expected = [
            sample(100, 11, 10, 5, true),
            sample(1000, 12, 10, -7, false),
            sample(1012, 13, 10, -7, true),
            sample(1025, 14, 20, -7, false),
        ];
        assert_eq!(all(&body).unwrap(), expected);
        assert_eq!(Tables::parse(&body).unwrap().end().unwrap(), 50);
    }

    #[test]
    fn narrow_sizes_are_read() {
        for (bits, words, expected) in [
            (4_u32, vec![0x1230_0000], vec![1, 2, 3]),
            (8, vec![0x0102_0300], vec![1, 2, 3]),
            (16, vec![0x0001_0002, 0x0003_0000], vec![1, 2, 3]),
        ] {
            let sizes = [vec![bits, 3], words].concat();
            let body = [
                table(b"stts", &[1, 3, 1]),
                table(b"stsc", &[1, 1, 3, 1]),
                table(b"stco", &[1, 0]),
                table(b"stz2", &sizes),
            ]
            .concat();
            let sizes: Vec<u32> = all(&body).unwrap().iter().map(|sample| sample.size).collect();
            assert_eq!(sizes, expected, "{bits} bits");
        }
    }

    #[test]
    fn counts_beyond_their_bytes_are_refused() {
        for kind in [b"stts", b"ctts", b"stsc", b"stco", b"co64", b"stss"] {
            assert!(Tables::parse(&table(kind, &[u32::MAX, 1, 1, 1])).is_err());
        }
        assert!(Tables::parse(&table(b"stsz", &[0, 1 << 31])).is_err());
        assert!(matches!(
            Tables::parse(&table(b"stsz", &[1, 1 << 31])),
            Err(ScanError::Limits(_))
        ));
        let crowded = Tables::parse(&table(b"stsz", &[1, 1 << 20])).map(|tables| tables.count());
        assert_eq!(crowded.unwrap(), 1 << 20);
        let table = table(b"stsz", &[1, 1 << 20]);
        assert!(matches!(
            Tables::parse(&table).unwrap().check_room(660),
            Err(ScanError::Limits(_))
        ));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(kind in 0..8_usize, words in prop::collection::vec(0..9_u32, 0..20)) {
            let kinds = [b"stts", b"ctts", b"stsc", b"stco", b"co64", b"stsz", b"stz2", b"stss"];
            let mut body = [
                table(b"stts", &[1, 3, 1]), table(b"stsc", &[1, 1, 3, 1]), table(b"stco", &[1, 0]), table(b"stsz", &[5, 3]),
            ].concat();
            body.extend(table(kinds[kind], &words));
            let _ = all(&body);
        }
    }
}
