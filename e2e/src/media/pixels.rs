//! Small H.264 lectures with far more pixels than any camera records.
//!
//! Source: ITU-T H.264 §7.3 (syntax), §9.1 (Exp-Golomb codes), §9.2 (CAVLC)

use super::matroska::{Block, element, file, number, track};
use super::written;
use anyhow::Result;
use std::path::PathBuf;

/// The width and the height in macroblocks: 16,000 pixels.
const SIDE: u32 = 1_000;
const RATE: u64 = 25;
/// A key picture in every 33, which takes a megabyte: 46 of them in a minute.
const GROUP: u64 = 33;
/// A macroblock that is predicted from its neighbours and has no residual: eight bits.
const GREY: u8 = 0b0010_0111;

/// Bits, first the highest.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    free: u32,
}

impl Bits {
    fn put(mut self, count: u32, value: u32) -> Self {
        for at in (0..count).rev() {
            if self.free == 0 {
                self.bytes.push(0);
                self.free = 8;
            }
            self.free -= 1;
            if let Some(last) = self.bytes.last_mut() {
                *last |= u8::from(value >> at & 1 == 1) << self.free;
            }
        }
        self
    }

    /// An unsigned number as an Exp-Golomb code.
    fn number(self, value: u32) -> Self {
        let bits = (value + 1).ilog2();
        self.put(bits, 0).put(bits + 1, value + 1)
    }

    fn numbers(self, values: &[u32]) -> Self {
        values.iter().fold(self, |bits, value| bits.number(*value))
    }

    /// Ends the unit, and keeps its bytes from looking like a start code.
    fn unit(self, head: u8) -> Vec<u8> {
        let mut unit = vec![head];
        for byte in self.put(1, 1).bytes {
            if byte <= 3 && unit.ends_with(&[0, 0]) {
                unit.push(3);
            }
            unit.push(byte);
        }
        unit
    }
}

fn sequence() -> Vec<u8> {
    let head = Bits::default().put(8, 66).put(8, 0xc0).put(8, 62);
    // its id, four bits for the number of a picture, output in decoding order, one reference
    let head = head.numbers(&[0, 0, 2, 1]).put(1, 0).numbers(&[SIDE - 1, SIDE - 1]);
    // frames, direct inference, no cropping, no more
    head.put(4, 0b1100).unit(0x67)
}

fn parameters() -> Vec<u8> {
    let head = Bits::default().numbers(&[0, 0]).put(2, 0).numbers(&[0, 0, 0]).put(3, 0);
    // three quantisers of zero, and deblocking as each slice says
    head.numbers(&[0, 0, 0]).put(3, 0b100).unit(0x68)
}

/// A grey picture that stands for itself.
fn key_picture(group: u64) -> Vec<u8> {
    let id = u32::from(!group.is_multiple_of(2));
    let mut slice = Bits::default().numbers(&[0, 7, 0]).put(4, 0).number(id).put(2, 0);
    slice = slice.numbers(&[0, 1]);
    (0..SIDE * SIDE)
        .fold(slice, |slice, _| slice.put(8, u32::from(GREY)))
        .unit(0x65)
}

/// A picture that is the one before.
fn same_picture(n: u64) -> Vec<u8> {
    let number = u32::try_from(n % 16).unwrap_or_default();
    let slice = Bits::default().numbers(&[0, 5, 0]).put(4, number).put(3, 0);
    slice.numbers(&[0, 1]).number(SIDE * SIDE).unit(0x41)
}

fn behind_length(unit: &[u8]) -> Result<Vec<u8>> {
    Ok([&u32::try_from(unit.len())?.to_be_bytes()[..], unit].concat())
}

/// A minute of 16,000 × 16,000 pixels in 46 MB.
pub async fn huge() -> Result<PathBuf> {
    written("huge.mkv", || {
        let (sequence, parameters) = (sequence(), parameters());
        let length = |unit: &[u8]| u16::try_from(unit.len()).map(u16::to_be_bytes);
        let configuration = [
            &[1, 66, 0xc0, 62, 0xff, 0xe1][..],
            &length(&sequence)?,
            &sequence,
            &[1],
            &length(&parameters)?,
            &parameters,
        ];
        let side = u64::from(SIDE * 16);
        let size = [number(&[0xb0], side), number(&[0xba], side)].concat();
        let more = [element(&[0x63, 0xa2], &configuration.concat()), element(&[0xe0], &size)];
        let keys = [behind_length(&key_picture(0))?, behind_length(&key_picture(1))?];
        let blocks = (0..60 * RATE).map(|n| {
            let key = n.is_multiple_of(GROUP);
            let bytes = match key {
                true => keys[usize::from(!(n / GROUP).is_multiple_of(2))].clone(),
                false => behind_length(&same_picture(n % GROUP)).unwrap_or_default(),
            };
            Block {
                time: n * 1_000 / RATE,
                frames: 1,
                key,
                bytes,
            }
        });
        file(&track(1, "V_MPEG4/ISO/AVC", &more), blocks)
    })
    .await
}
