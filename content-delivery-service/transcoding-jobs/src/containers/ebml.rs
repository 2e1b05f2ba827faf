//! Headers of EBML elements, of which Matroska and WebM consist.
//!
//! Source: RFC 8794 (EBML), RFC 9559 (Matroska)

pub(crate) const HEADER: u32 = 0x1a45_dfa3;
pub(crate) const SEGMENT: u32 = 0x1853_8067;
pub(crate) const INFO: u32 = 0x1549_a966;
pub(crate) const TRACKS: u32 = 0x1654_ae6b;
pub(crate) const CLUSTER: u32 = 0x1f43_b675;

/// An element's header, and where its data begins.
#[derive(Debug)]
pub(crate) struct Element {
    pub(crate) id: u32,
    pub(crate) start: u64,
    /// Where it ends; none if its length was not known when it was written.
    pub(crate) end: Option<u64>,
}

impl Element {
    /// The element whose first bytes stand at a position; none if they are incomplete or not a header.
    pub(crate) fn at(header: &[u8], position: u64) -> Option<Self> {
        let (id, size, length) = parse(header)?;
        let start = position.saturating_add(u64::try_from(length).unwrap_or(0));
        Some(Self {
            id,
            start,
            end: size.map(|size| start.saturating_add(size)),
        })
    }
}

/// An element's id, its size if it is known, and the length of both.
pub(crate) fn parse(bytes: &[u8]) -> Option<(u32, Option<u64>, usize)> {
    let width = |first: u8, most: u32| Some(first.leading_zeros() + 1).filter(|&width| width <= most);
    let number = |from: usize, width: usize| {
        let bytes = bytes.get(from..from + width)?;
        Some(bytes.iter().fold(0_u64, |sum, &byte| sum << 8 | u64::from(byte)))
    };
    let id_width = usize::try_from(width(*bytes.first()?, 4)?).ok()?;
    let id = u32::try_from(number(0, id_width)?).ok()?;
    let size_width = usize::try_from(width(*bytes.get(id_width)?, 8)?).ok()?;
    let values = (1_u64 << (7 * size_width)) - 1;
    let size = number(id_width, size_width)? & values;
    Some((id, (size != values).then_some(size), id_width + size_width))
}
