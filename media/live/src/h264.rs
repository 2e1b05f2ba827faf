//! NAL units of H.264: how byte streams and length-prefixed data separate them, and which of them a frame contains.
//!
//! Source: ITU-T H.264 §7.4.1, table 7-1 (types of units), annex B (start codes); ISO/IEC 14496-15 §5.3.3.1
//!         (decoder configuration record)

use crate::frame::H264;
use bytes::{BufMut, Bytes, BytesMut};

const FIRST_SLICE: u8 = 1;
const IDR: u8 = 5;
const SPS: u8 = 7;
const PPS: u8 = 8;
const DELIMITER: u8 = 9;
const FILLER: u8 = 12;
/// Header, profile, constraints and level.
const LEAST_SPS: usize = 4;
/// Streams have a few picture parameter sets; a record may list 255 long ones.
const MOST_PPS: usize = 32;

/// The NAL units of one access unit, sorted by what a frame does with them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccessUnit {
    /// The units that a frame contains, each after its length in four bytes.
    pub data: Bytes,
    /// Whether there is an IDR picture.
    pub key: bool,
    /// Whether there is any picture.
    pub picture: bool,
    /// The last sequence parameter set.
    pub sps: Option<Bytes>,
    /// The picture parameter sets.
    pub pps: Vec<Bytes>,
}

impl AccessUnit {
    /// Sorts units: parameter sets are kept apart; delimiters and filler data are dropped.
    pub fn collect<'a>(units: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut unit = Self::default();
        let mut data = BytesMut::new();
        for bytes in units {
            let Some(kind) = bytes.first().map(|header| header & 0x1f) else {
                continue;
            };
            match kind {
                SPS => unit.sps = Some(Bytes::copy_from_slice(bytes)),
                PPS if unit.pps.len() < MOST_PPS => unit.pps.push(Bytes::copy_from_slice(bytes)),
                PPS | DELIMITER | FILLER => {}
                kind => {
                    unit.key |= kind == IDR;
                    unit.picture |= (FIRST_SLICE..=IDR).contains(&kind);
                    put_unit(&mut data, bytes);
                }
            }
        }
        unit.data = data.freeze();
        unit
    }

    /// The parameter sets of the stream after this access unit, if it changes them.
    #[must_use]
    pub fn changed(&self, known: Option<&H264>) -> Option<H264> {
        let Some(known) = known else {
            let sps = self.sps.clone()?;
            return (!self.pps.is_empty()).then(|| H264 {
                sps,
                pps: self.pps.clone(),
            });
        };
        let sps = self.sps.as_ref().filter(|sps| **sps != known.sps);
        let new: Vec<&Bytes> = self.pps.iter().filter(|pps| !known.pps.contains(pps)).collect();
        if sps.is_none() && new.is_empty() {
            return None;
        }
        let is_replaced = |pps: &Bytes| new.iter().any(|other| pps_id(other) == pps_id(pps));
        let mut pps: Vec<Bytes> = known.pps.iter().filter(|pps| !is_replaced(pps)).cloned().collect();
        pps.extend(new.iter().map(|&pps| pps.clone()));
        pps.truncate(MOST_PPS);
        Some(H264 {
            sps: sps.unwrap_or(&known.sps).clone(),
            pps,
        })
    }
}

/// The id of a picture parameter set: its first number, in Exp-Golomb code.
fn pps_id(pps: &[u8]) -> u32 {
    let bits = pps.iter().skip(1).chain([0; 4].iter()).take(4);
    let bits = bits.fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
    let zeros = bits.leading_zeros();
    // Ids are below 256, so more zeros are no id.
    if zeros > 8 {
        u32::MAX
    } else {
        (bits >> (31 - 2 * zeros)) - 1
    }
}

fn put_unit(out: &mut BytesMut, unit: &[u8]) {
    out.put_u32(u32::try_from(unit.len()).unwrap_or(u32::MAX));
    out.extend_from_slice(unit);
}

/// The units of a byte stream, without start codes and the zeros around them.
///
/// Source: ITU-T H.264 annex B
pub fn annex_b(stream: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = match start_code(stream) {
        Some((_, behind)) => stream.get(behind..).unwrap_or_default(),
        None => &[],
    };
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            let (end, behind) = start_code(rest).unwrap_or((rest.len(), rest.len()));
            let unit = rest.get(..end).unwrap_or_default();
            rest = rest.get(behind..).unwrap_or_default();
            let end = unit.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            if let Some(unit) = unit.get(..end).filter(|unit| !unit.is_empty()) {
                return Some(unit);
            }
        }
        None
    })
}

/// Where the next start code begins and ends.
fn start_code(bytes: &[u8]) -> Option<(usize, usize)> {
    let at = bytes.windows(3).position(|window| window == [0, 0, 1])?;
    Some((at, at + 3))
}

/// The units of length-prefixed data; `None` in place of the first one that does not fit.
pub fn prefixed(data: &[u8], length_size: usize) -> impl Iterator<Item = Option<&[u8]>> {
    let mut rest = data;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let unit = rest.split_at_checked(length_size).and_then(|(length, behind)| {
            let length = length
                .iter()
                .fold(0_usize, |length, byte| length << 8 | usize::from(*byte));
            behind.split_at_checked(length)
        });
        rest = unit.map_or(&[], |(_, behind)| behind);
        Some(unit.map(|(unit, _)| unit))
    })
}

impl H264 {
    /// Reads a decoder configuration record; also returns the size of the lengths before units.
    ///
    /// Shape: none if it is not a record, or has no parameter sets
    #[must_use]
    pub fn from_record(record: &[u8]) -> Option<(Self, usize)> {
        let (head, rest) = record.split_at_checked(6)?;
        let &[1, _, _, _, sizes, count] = head else {
            return None;
        };
        let length_size = match sizes & 3 {
            2 => return None,
            size => usize::from(size) + 1,
        };
        let (sps, rest) = sets(rest, count & 0x1f)?;
        let (count, rest) = rest.split_first()?;
        let (pps, _) = sets(rest, *count)?;
        let sps = sps.into_iter().next()?;
        let is_sps = sps.len() >= LEAST_SPS && sps.first()? & 0x1f == SPS;
        let pps: Vec<Bytes> = pps.into_iter().take(MOST_PPS).collect();
        (is_sps && !pps.is_empty()).then_some((Self { sps, pps }, length_size))
    }

    /// The decoder configuration record, for units after lengths of four bytes.
    #[must_use]
    pub fn record(&self) -> Vec<u8> {
        let mut out = vec![1];
        out.extend(self.sps.iter().skip(1).take(3));
        out.extend([0xff, 0xe1]);
        put_set(&mut out, &self.sps);
        let count = u8::try_from(self.pps.len()).unwrap_or(u8::MAX);
        out.push(count);
        for pps in self.pps.iter().take(count.into()) {
            put_set(&mut out, pps);
        }
        out
    }
}

fn put_set(out: &mut Vec<u8>, set: &[u8]) {
    out.put_u16(u16::try_from(set.len()).unwrap_or(u16::MAX));
    out.extend(set.iter().take(u16::MAX.into()));
}

fn sets(mut rest: &[u8], count: u8) -> Option<(Vec<Bytes>, &[u8])> {
    let mut sets = Vec::new();
    for _ in 0..count {
        let (length, behind) = rest.split_first_chunk::<2>()?;
        let (set, behind) = behind.split_at_checked(u16::from_be_bytes(*length).into())?;
        if !set.is_empty() {
            sets.push(Bytes::copy_from_slice(set));
        }
        rest = behind;
    }
    Some((sets, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_byte_stream_is_split_at_its_start_codes() {
        let stream = [
            0, 0, 0, 1, 9, 0xf0, 0, 0, 1, 0x67, 1, 0, 0, 0, 0, 1, 0x65, 2, 0, 3, 0, 0,
        ];
        let units: Vec<&[u8]> = annex_b(&stream).collect();
        assert_eq!(units, [&[9, 0xf0][..], &[0x67, 1], &[0x65, 2, 0, 3]]);
        assert_eq!(annex_b(&[1, 2, 3]).count(), 0);
    }

    #[test]
    fn parameter_sets_and_delimiters_are_kept_out_of_the_frame() {
        let unit = AccessUnit::collect([&[9, 0xf0][..], &[0x67, 1], &[0x68, 2], &[6, 5], &[0x65, 7], &[12, 0xff]]);
        assert_eq!(&unit.data[..], [0, 0, 0, 2, 6, 5, 0, 0, 0, 2, 0x65, 7]);
        assert!(unit.key && unit.picture);
        assert_eq!(unit.sps.as_deref(), Some(&[0x67, 1][..]));
        let sets = unit.changed(None).unwrap();
        assert_eq!(unit.changed(Some(&sets)), None);
        let other = AccessUnit::collect([&[0x67, 3][..], &[0x41, 1]]);
        assert_eq!(other.changed(Some(&sets)).unwrap().pps, sets.pps);
        assert!(!other.key && other.picture);
    }

    #[test]
    fn a_picture_parameter_set_replaces_the_one_of_its_id() {
        // The first bits: 1 is id 0, 010 is id 1.
        let (first, second, replaced) = ([0x68, 0x80], [0x68, 0x40], [0x68, 0xc0]);
        let known = H264 {
            sps: Bytes::from_static(&[0x67, 1]),
            pps: vec![Bytes::copy_from_slice(&first), Bytes::copy_from_slice(&second)],
        };
        let unit = AccessUnit::collect([&replaced[..], &[0x41, 1]]);
        let changed = unit.changed(Some(&known)).unwrap();
        assert_eq!(changed.pps, [&second[..], &replaced]);
        assert_eq!(changed.sps, known.sps);
    }

    #[test]
    fn a_record_that_was_written_is_read_again() {
        let sets = H264 {
            sps: Bytes::from_static(&[0x67, 0x64, 0, 0x1f, 0xac]),
            pps: vec![Bytes::from_static(&[0x68, 1]), Bytes::from_static(&[0x68, 2])],
        };
        assert_eq!(H264::from_record(&sets.record()), Some((sets, 4)));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..80), size in 1..5_usize) {
            let _ = H264::from_record(&bytes);
            let _ = AccessUnit::collect(annex_b(&bytes));
            let _ = AccessUnit::collect(prefixed(&bytes, size).flatten());
        }

        #[test]
        fn units_survive_both_forms(units in prop::collection::vec(prop::collection::vec(1..=255_u8, 1..20), 1..6)) {
            let mut stream = Vec::new();
            let mut data = BytesMut::new();
            for unit in &units {
                stream.extend([0, 0, 1]);
                stream.extend(unit);
                put_unit(&mut data, unit);
            }
            let split: Vec<Vec<u8>> = annex_b(&stream).map(<[u8]>::to_vec).collect();
            prop_assert_eq!(&split, &units);
            let split: Vec<Vec<u8>> = prefixed(&data, 4).map(|unit| unit.unwrap().to_vec()).collect();
            prop_assert_eq!(&split, &units);
        }
    }
}
