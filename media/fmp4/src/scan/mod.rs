//! Reading a file's structure: a state machine that says which bytes it needs.
//!
//! It walks over the boxes at the top (`walk`), looks at every sample of the movie (`survey`), judges what it saw
//! (`gate`), looks into the samples that are called key frames (`keyframes`) and writes the index (`build`).

mod build;
mod fragments;
mod gate;
mod keyframes;
mod survey;
mod walk;

use std::mem;
use std::ops::Range;
use std::time::Duration;

use crate::error::{Obstacle, ScanError};
use crate::index::Index;
use crate::movie::Movie;
use crate::probe::Probe;
use gate::Choice;
use keyframes::KeyFrameCheck;
pub(crate) use walk::{Layout, Walk};

/// Segments are about this long, in whole groups of pictures.
const TARGET_SECONDS: i64 = 6;

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
    /// The bytes of these ranges, none empty and all inside the file, as the answers of the next step, in this order.
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
/// Shape: one step takes at most 64 MiB of answers in all, or 32 MiB where the ranges are many, the bytes between them
///        included if a caller reads gaps up to 64 KiB along. A file whose fragments have to be followed one by one takes
///        a step for each; any other takes some ten steps, and one more for each 500 key frames
#[derive(Debug)]
pub struct Scanner {
    file: u64,
    limits: Limits,
    stage: Stage,
    /// What the last step asked for.
    wanted: Vec<Range<u64>>,
}

#[derive(Debug)]
enum Stage {
    Start,
    Walk(Box<Walk>),
    KeyFrames(Box<Judged>, KeyFrameCheck),
    Over,
}

/// A file without an obstacle, up to its key frames.
#[derive(Debug)]
struct Judged {
    moov: Vec<u8>,
    probe: Probe,
    choice: Choice,
}

impl Scanner {
    /// Begins to scan a file of `len` bytes.
    #[must_use]
    pub fn new(len: u64, limits: Limits) -> Self {
        Self {
            file: len,
            limits,
            stage: Stage::Start,
            wanted: Vec::new(),
        }
    }

    /// Goes on with the answers to the last step's ranges; the first step takes none.
    ///
    /// Errors: a [`ScanError`] is final; answers that are fewer or shorter than what was asked for are a file that ends
    ///         early
    pub fn step<B: AsRef<[u8]>>(&mut self, answers: &[B]) -> Result<Step, ScanError> {
        let lengths = self.wanted.iter().map(|range| range.end.saturating_sub(range.start));
        if !lengths.eq(answers.iter().map(|answer| crate::bytes::wide(answer.as_ref().len()))) {
            return Err(ScanError::Truncated("it is shorter than it was"));
        }
        let step = match mem::replace(&mut self.stage, Stage::Over) {
            Stage::Start if self.file == 0 => return Err(ScanError::Empty),
            Stage::Start => {
                self.stage = Stage::Walk(Box::default());
                Step::Read(vec![Walk::first(self.file)])
            }
            Stage::Walk(mut walk) => {
                let bytes = answers.first().map(AsRef::as_ref).unwrap_or_default();
                match walk.answer(bytes, self.file)? {
                    Some(range) => {
                        self.stage = Stage::Walk(walk);
                        Step::Read(vec![range])
                    }
                    None => self.judge(*walk)?,
                }
            }
            Stage::KeyFrames(judged, mut check) => {
                check.answer(answers);
                self.check_or_build(judged, check)?
            }
            Stage::Over => return Err(ScanError::Malformed("the scan is over")),
        };
        self.wanted = match &step {
            Step::Read(ranges) => ranges.clone(),
            Step::Done(_) => Vec::new(),
        };
        Ok(step)
    }

    fn judge(&mut self, walk: Walk) -> Result<Step, ScanError> {
        let layout = walk.finish()?;
        let movie = Movie::parse(&layout.moov)?;
        let (packed, obstacle) = match layout.fragments {
            Some(fragments) => fragments.finish()?,
            None => (
                movie.tracks.iter().map(|_| crate::samples::Packed::default()).collect(),
                None,
            ),
        };
        let judgement = gate::judge(&movie, packed, layout.is_mov, self.file, &self.limits)?;
        let probe = judgement.probe;
        let choice = match (obstacle, judgement.choice) {
            (None, Ok(choice)) => choice,
            (Some(obstacle), _) | (None, Err(obstacle)) => {
                return Ok(Step::Done(Scan {
                    probe,
                    verdict: Verdict::NeedsTranscoding(obstacle),
                }));
            }
        };
        let check = match &choice.video {
            Some(video) => video.check(&movie)?,
            None => KeyFrameCheck::new(4, &[], Vec::new()),
        };
        drop(movie);
        self.check_or_build(
            Box::new(Judged {
                moov: layout.moov,
                probe,
                choice,
            }),
            check,
        )
    }

    fn check_or_build(&mut self, judged: Box<Judged>, check: KeyFrameCheck) -> Result<Step, ScanError> {
        let wanted = check.wanted();
        if !wanted.is_empty() {
            self.stage = Stage::KeyFrames(judged, check);
            return Ok(Step::Read(wanted));
        }
        let movie = Movie::parse(&judged.moov)?;
        let verdict = match build::index(&movie, &judged, &check, self.file, &self.limits) {
            Ok(index) => Verdict::Playable(index),
            Err(build::Stop::Obstacle(obstacle)) => Verdict::NeedsTranscoding(obstacle),
            Err(build::Stop::Error(error)) => return Err(error),
        };
        Ok(Step::Done(Scan {
            probe: judged.probe,
            verdict,
        }))
    }
}
