//! Iterates over the samples of a track without a list of them in memory.

mod block;
mod packed;
mod tables;

pub(crate) use block::Block;
pub(crate) use packed::Packed;
pub(crate) use tables::Tables;

use packed::PackedSamples;
use tables::TableSamples;

use crate::error::ScanError;

/// A day of 120 frames per second.
pub(crate) const MAX_SAMPLES: u64 = 24 * 3600 * 120;

/// One sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sample {
    pub(crate) offset: u64,
    pub(crate) size: u32,
    pub(crate) duration: u32,
    /// The composition offset, in ticks.
    pub(crate) composition: i32,
    /// Whether the file declares that it can be decoded on its own.
    pub(crate) sync: bool,
}

impl Sample {
    /// The offset of the byte after the sample's last, unless it overflows.
    pub(crate) fn end(&self) -> Option<u64> {
        self.offset.checked_add(self.size.into())
    }
}

/// A movie's defaults for the samples of its fragments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Defaults {
    pub(crate) description: u32,
    pub(crate) duration: u32,
    pub(crate) size: u32,
    pub(crate) flags: u32,
}

/// The samples of a track in decoding order, each with its decode time: those of the tables, then those of fragments.
pub(crate) struct Samples<'a> {
    tables: TableSamples<'a>,
    packed: PackedSamples<'a>,
    time: i64,
}

impl<'a> Samples<'a> {
    pub(crate) fn new(tables: &Tables<'a>, packed: &'a Packed) -> Self {
        let time = if tables.count() == 0 { packed.start() } else { 0 };
        Self {
            tables: tables.samples(),
            packed: packed.samples(),
            time,
        }
    }

    /// The next sample and its decode time.
    pub(crate) fn next(&mut self) -> Result<Option<(i64, Sample)>, ScanError> {
        let sample = match self.tables.next()? {
            Some(sample) => Some(sample),
            None => self.packed.next()?,
        };
        let Some(sample) = sample else { return Ok(None) };
        let time = self.time;
        self.time = time
            .checked_add(sample.duration.into())
            .ok_or(ScanError::Malformed("times are out of range"))?;
        Ok(Some((time, sample)))
    }
}
