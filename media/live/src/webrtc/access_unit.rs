//! One access unit of H.264, taken apart.
//!
//! Source: ITU-T H.264, annex B and 7.4.1

use crate::frame::H264;
use bytes::{Bytes, BytesMut};

const IDR: u8 = 5;
const SPS: u8 = 7;
const PPS: u8 = 8;
const DELIMITER: u8 = 9;
const FILLER: u8 = 12;

/// A picture, and the parameter sets that came with it.
#[derive(Debug, Default)]
pub(super) struct AccessUnit {
    pub(super) sps: Option<Bytes>,
    pub(super) pps: Vec<Bytes>,
    pub(super) key: bool,
    /// NAL units, each after its length in four bytes, without parameter sets, delimiters and filler.
    pub(super) data: Bytes,
}

impl AccessUnit {
    /// Reads NAL units between start codes.
    pub(super) fn read(annex_b: &[u8]) -> Self {
        let mut unit = Self::default();
        let mut data = BytesMut::with_capacity(annex_b.len() + 16);
        for nal in nal_units(annex_b) {
            let Some(first) = nal.first() else { continue };
            match first & 0x1f {
                SPS => unit.sps = Some(Bytes::copy_from_slice(nal)),
                PPS => unit.pps.push(Bytes::copy_from_slice(nal)),
                DELIMITER | FILLER => {}
                kind => {
                    unit.key |= kind == IDR;
                    let Ok(length) = u32::try_from(nal.len()) else { continue };
                    data.extend_from_slice(&length.to_be_bytes());
                    data.extend_from_slice(nal);
                }
            }
        }
        unit.data = data.freeze();
        unit
    }

    /// The parameter sets after this unit, if it has new ones.
    pub(super) fn format(&self, before: Option<&H264>) -> Option<H264> {
        let sps = self.sps.as_ref().or_else(|| before.map(|it| &it.sps))?;
        let pps = if self.pps.is_empty() { &before?.pps } else { &self.pps };
        let now = H264 {
            sps: sps.clone(),
            pps: pps.clone(),
        };
        (before != Some(&now)).then_some(now)
    }
}

/// The NAL units between start codes of three or four bytes.
fn nal_units(annex_b: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = after_start_code(annex_b).unwrap_or_default();
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = find_start_code(rest);
        let nal = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
        rest = end.and_then(|at| after_start_code(rest.get(at..)?)).unwrap_or_default();
        Some(trimmed(nal))
    })
}

/// Where the next start code begins.
fn find_start_code(bytes: &[u8]) -> Option<usize> {
    bytes.windows(3).position(|it| it == [0, 0, 1])
}

fn after_start_code(bytes: &[u8]) -> Option<&[u8]> {
    find_start_code(bytes).and_then(|at| bytes.get(at + 3..))
}

/// Zeros at the end belong to the next start code.
fn trimmed(nal: &[u8]) -> &[u8] {
    let length = nal.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    nal.get(..length).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_access_unit_loses_its_parameter_sets_and_keeps_its_slices() {
        let unit = AccessUnit::read(&[
            0, 0, 0, 1, 9, 0x10, 0, 0, 0, 1, 0x67, 1, 2, 0, 0, 0, 1, 0x68, 3, 0, 0, 1, 0x65, 4, 5, 0, 0, 1, 0x65, 6,
        ]);
        assert!(unit.key);
        assert_eq!(unit.sps.as_deref(), Some(&[0x67, 1, 2][..]));
        assert_eq!(unit.pps, [&[0x68, 3][..]]);
        assert_eq!(unit.data[..], [0, 0, 0, 3, 0x65, 4, 5, 0, 0, 0, 2, 0x65, 6]);
        let format = unit.format(None).unwrap();
        assert_eq!(unit.format(Some(&format)), None, "nothing new");
    }

    #[test]
    fn a_unit_without_parameter_sets_has_no_format_of_its_own() {
        let unit = AccessUnit::read(&[0, 0, 0, 1, 0x41, 9, 9]);
        assert!(!unit.key);
        assert_eq!(unit.format(None), None);
        assert_eq!(unit.data[..], [0, 0, 0, 3, 0x41, 9, 9]);
    }

    #[test]
    fn noise_is_no_picture() {
        assert!(AccessUnit::read(&[]).data.is_empty());
        assert!(AccessUnit::read(&[1, 2, 3]).data.is_empty());
        assert!(AccessUnit::read(&[0, 0, 1]).data.is_empty());
    }
}
