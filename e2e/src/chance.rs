//! Chance that can be had again: a small generator with a printed seed.

use crate::settings;
use std::io::Write;

/// A source of numbers (xorshift64*).
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// Begins with the run's seed, and prints it so that a failure can be had again.
    #[must_use]
    pub fn begin(what: &str) -> Self {
        let seed = settings::seed();
        // a seed that can't be printed is no reason to fail
        let _ = writeln!(std::io::stderr(), "{what}: MOOCFLIX_TEST_SEED={seed}");
        Self(seed | 1)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number from a range; the range's end is left out.
    pub fn within(&mut self, range: std::ops::Range<u64>) -> u64 {
        range.start + self.number() % (range.end - range.start).max(1)
    }

    /// So many bytes that nothing can compress.
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes: Vec<u8> = (0..count.div_ceil(8))
            .flat_map(|_| self.number().to_le_bytes())
            .collect();
        bytes.truncate(count);
        bytes
    }
}
