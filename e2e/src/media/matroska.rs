//! Writes Matroska files of one track, for streams that ffmpeg does not write.
//!
//! Source: RFC 8794 (EBML), RFC 9559 (Matroska)

use anyhow::Result;

/// Blocks of a cluster may come this many milliseconds after it.
const SPAN: u64 = 30_000;
/// Frames of equal sizes share a block.
const FIXED_LACING: u8 = 0x04;
const KEY: u8 = 0x80;

/// An element, by its id as it is written.
pub(super) fn element(id: &[u8], payload: &[u8]) -> Vec<u8> {
    // A length of eight bytes is always allowed.
    let mut length = (payload.len() as u64).to_be_bytes();
    length[0] = 0x01;
    [id, &length[..], payload].concat()
}

pub(super) fn number(id: &[u8], value: u64) -> Vec<u8> {
    element(id, &value.to_be_bytes())
}

/// The beginning of every track: its number, its kind (1 is video, 2 is audio) and its codec.
pub(super) fn track(kind: u64, codec: &str, more: &[Vec<u8>]) -> Vec<u8> {
    let head = [
        number(&[0xd7], 1),
        number(&[0x73, 0xc5], 1),
        number(&[0x83], kind),
        element(&[0x86], codec.as_bytes()),
        more.concat(),
    ];
    element(&[0xae], &head.concat())
}

/// One block: a frame, or several of equal sizes.
#[derive(Debug)]
pub(super) struct Block {
    /// Its time in milliseconds.
    pub(super) time: u64,
    /// How many frames it holds.
    pub(super) frames: u8,
    /// Whether decoding can start at it.
    pub(super) key: bool,
    /// The bytes of its frames.
    pub(super) bytes: Vec<u8>,
}

impl Block {
    fn write(&self, cluster: u64) -> Result<Vec<u8>> {
        let lacing = if self.frames > 1 { FIXED_LACING } else { 0 };
        let key = if self.key { KEY } else { 0 };
        let mut payload = vec![0x81];
        payload.extend(i16::try_from(self.time - cluster)?.to_be_bytes());
        payload.push(key | lacing);
        if self.frames > 1 {
            payload.push(self.frames - 1);
        }
        payload.extend(&self.bytes);
        Ok(element(&[0xa3], &payload))
    }
}

/// A whole file; the blocks stand in the order of their times.
pub(super) fn file(track: &[u8], blocks: impl Iterator<Item = Block>) -> Result<Vec<u8>> {
    let kind = [
        element(&[0x42, 0x82], b"matroska"),
        number(&[0x42, 0x87], 4),
        number(&[0x42, 0x85], 2),
    ];
    let info = [
        number(&[0x2a, 0xd7, 0xb1], 1_000_000),
        element(&[0x4d, 0x80], b"moocflix"),
        element(&[0x57, 0x41], b"moocflix"),
    ];
    let mut segment = element(&[0x15, 0x49, 0xa9, 0x66], &info.concat());
    segment.extend(element(&[0x16, 0x54, 0xae, 0x6b], track));
    let (mut start, mut cluster) = (None, Vec::new());
    for block in blocks {
        let at = match start {
            Some(at) if block.time - at < SPAN => at,
            _ => {
                if !cluster.is_empty() {
                    segment.extend(element(&[0x1f, 0x43, 0xb6, 0x75], &cluster));
                }
                cluster = number(&[0xe7], block.time);
                start = Some(block.time);
                block.time
            }
        };
        cluster.extend(block.write(at)?);
    }
    segment.extend(element(&[0x1f, 0x43, 0xb6, 0x75], &cluster));
    let head = element(&[0x1a, 0x45, 0xdf, 0xa3], &kind.concat());
    Ok([head, element(&[0x18, 0x53, 0x80, 0x67], &segment)].concat())
}
