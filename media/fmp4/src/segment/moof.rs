//! The head of a media segment.
use crate::error::IndexError;
use crate::index::Block;

pub(crate) fn head(_sequence: u32, _decode_time: u64, _video: bool, _block: &Block) -> Result<Vec<u8>, IndexError> {
    Err(IndexError::NoSuchSegment)
}
