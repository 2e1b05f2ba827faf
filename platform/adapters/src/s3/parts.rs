//! Where the parts of an upload begin and end.
//!
//! A part's place depends on its number alone. So a part that a lost writer's server stores late is the same as the one
//! that its successor has stored meanwhile, if the client sends the same file to both.

const MIB: u64 = 1 << 20;
const SMALL: u64 = 8 * MIB;
const SMALL_PARTS: u64 = 4_000;
const LARGE: u64 = 16 * MIB;
/// S3 takes no more parts of one object.
const PARTS: u64 = 10_000;

/// The longest object that fits into the parts: 125 GiB.
///
/// Units: bytes
pub const LONGEST: u64 = SMALL_PARTS * SMALL + (PARTS - SMALL_PARTS) * LARGE;

/// Where the part with this index begins; `None` behind the last one that there can be.
pub(super) fn start(index: usize) -> Option<u64> {
    let index = u64::try_from(index).ok().filter(|index| *index < PARTS)?;
    Some(index.min(SMALL_PARTS) * SMALL + index.saturating_sub(SMALL_PARTS) * LARGE)
}

/// How many bytes are missing between an offset and the end of its part.
pub(super) fn missing(offset: u64) -> u64 {
    let small = SMALL_PARTS * SMALL;
    if offset < small {
        SMALL - offset % SMALL
    } else {
        LARGE - (offset - small) % LARGE
    }
}
