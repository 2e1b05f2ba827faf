//! Repeatable random numbers: a small generator with a printed seed.

use crate::settings;
use std::io::Write;

/// A generator of random numbers (xorshift64*).
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// Starts with the run's seed, and prints it so that a failure can be reproduced.
    #[must_use]
    pub fn start(what: &str) -> Self {
        let seed = settings::seed();
        // failing to print the seed is no reason to fail
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

    /// A number from a half-open range.
    pub fn within(&mut self, range: std::ops::Range<u64>) -> u64 {
        range.start + self.number() % (range.end - range.start).max(1)
    }

    /// Random bytes, which nothing can compress.
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes: Vec<u8> = (0..count.div_ceil(8))
            .flat_map(|_| self.number().to_le_bytes())
            .collect();
        bytes.truncate(count);
        bytes
    }
}
