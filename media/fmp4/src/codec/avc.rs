//! The decoder configuration of H.264 in MP4.

use super::sps::Sps;
use crate::bytes::{Cursor, Short};
use crate::error::Obstacle;

/// The facts in an `avcC` box.
///
/// Source: ISO/IEC 14496-15 §5.3.3.1
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AvcConfig<'a> {
    /// The size of the length before each NAL unit in bytes: 1, 2 or 4.
    pub(crate) length_size: usize,
    /// The sequence parameter sets, as bytes.
    pub(crate) units: Vec<&'a [u8]>,
    /// The first of them, parsed.
    pub(crate) sps: Sps,
    others: Vec<Sps>,
}

impl<'a> AvcConfig<'a> {
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, Short> {
        let mut cursor = Cursor::new(body);
        if cursor.u8()? != 1 {
            return Err(Short);
        }
        cursor.skip(3)?;
        let length_size = match cursor.u8()? & 3 {
            0 => 1,
            1 => 2,
            3 => 4,
            _ => return Err(Short),
        };
        let count = cursor.u8()? & 0x1f;
        let mut units = Vec::new();
        let mut sets = Vec::new();
        for _ in 0..count {
            let length = cursor.u16()?;
            let unit = cursor.take(length.into())?;
            sets.push(Sps::parse(unit)?);
            units.push(unit);
        }
        let others = sets.split_off(sets.len().min(1));
        Ok(Self {
            length_size,
            units,
            sps: *sets.first().ok_or(Short)?,
            others,
        })
    }

    /// Source: RFC 6381 §3.3
    pub(crate) fn codec_string(&self, format: [u8; 4]) -> String {
        let Sps {
            profile,
            constraints,
            level,
            ..
        } = self.sps;
        format!(
            "{}.{profile:02x}{constraints:02x}{level:02x}",
            super::four_letters(format)
        )
    }

    /// Why some browsers can't play it, if so: they all play 8-bit 4:2:0 in Baseline, Main or High up to level 5.1.
    pub(crate) fn obstacle(&self) -> Option<Obstacle> {
        if self
            .others
            .iter()
            .any(|other| (other.width, other.height) != (self.sps.width, self.sps.height))
        {
            return Some(Obstacle::SampleEntries);
        }
        std::iter::once(&self.sps)
            .chain(&self.others)
            .find_map(format_obstacle)
            .map(Obstacle::VideoFormat)
    }
}

fn format_obstacle(sps: &Sps) -> Option<&'static str> {
    // Level 5.1 allows 36,864 macroblocks per frame; a larger frame declares a wrong level.
    let macroblocks = sps.width.div_ceil(16).saturating_mul(sps.height.div_ceil(16));
    if sps.bit_depth != 8 {
        Some("coded with more than 8 bits")
    } else if sps.chroma_format != 1 {
        Some("not coded as 4:2:0")
    } else if !matches!(sps.profile, 66 | 77 | 100) {
        Some("of an unusual profile")
    } else if sps.level > 51 {
        Some("above level 5.1")
    } else if macroblocks > 36_864 {
        Some("larger than level 5.1 allows")
    } else if sps.width < 16 || sps.height < 16 {
        Some("too small")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = AvcConfig::parse(&bytes);
        }
    }

    #[test]
    fn lengths_of_three_bytes_are_refused() {
        let config = [1, 66, 0, 30, 0xfe, 0xe0];
        assert!(AvcConfig::parse(&config).is_err());
    }
}
