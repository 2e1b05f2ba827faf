//! Reads a file's structure, as a state machine that requests the bytes it needs.
//!
//! It walks over the top-level boxes (`walk`), summarises every sample of the movie (`survey`), chooses the lecture's tracks
//! (`tracks`), judges them (`gate`), checks the declared key frames (`keyframes`) and builds the index (`build`).

mod build;
mod fragments;
mod gate;
mod keyframes;
mod survey;
mod tracks;
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

/// The target length of segments, which consist of whole groups of pictures.
const TARGET_SECONDS: i64 = 6;

/// The caller's limits for playing a source without encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The highest average rate of video and audio together, in bits per second.
    pub max_bit_rate: u64,
    /// The longest time between key frames.
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

/// The result of a scan.
#[derive(Clone, Debug, PartialEq)]
pub struct Scan {
    /// The description of the file's media.
    pub probe: Probe,
    /// Whether it can be cut without encoding.
    pub verdict: Verdict,
}

/// Whether segments can be cut from the stored bytes without encoding.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Segments can be cut, with this index.
    Playable(Index),
    /// The source must be encoded first, for this reason.
    NeedsTranscoding(Obstacle),
}

/// A scanner's next request.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Pass the bytes of these ranges (none empty, all inside the file) to the next step, in this order.
    Read(Vec<Range<u64>>),
    /// The scan is done.
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
/// Shape: one step takes at most 64 MiB of answers in total, or 32 MiB if there are many ranges, including gaps of up to
///        64 KiB between them that the caller reads, too. A file whose fragments must be followed one by one takes a step
///        for each; any other takes some ten steps, plus one for each 500 key frames
#[derive(Debug)]
pub struct Scanner {
    file: u64,
    limits: Limits,
    stage: Stage,
    /// The ranges that the last step requested.
    wanted: Vec<Range<u64>>,
}

#[derive(Debug)]
enum Stage {
    Start,
    Walk(Box<Walk>),
    KeyFrames(Box<Judged>, KeyFrameCheck),
    Over,
}

/// A file without an obstacle, whose key frames are still unchecked.
#[derive(Debug)]
struct Judged {
    moov: Vec<u8>,
    probe: Probe,
    choice: Choice,
}

impl Scanner {
    /// Starts to scan a file of `len` bytes.
    #[must_use]
    pub fn new(len: u64, limits: Limits) -> Self {
        Self {
            file: len,
            limits,
            stage: Stage::Start,
            wanted: Vec::new(),
        }
    }

    /// Continues with the bytes of the last step's ranges; the first step takes none.
    ///
    /// Errors: a [`ScanError`] is final; missing or short answers count as an incomplete file
    pub fn step<B: AsRef<[u8]>>(&mut self, answers: &[B]) -> Result<Step, ScanError> {
        let lengths = self.wanted.iter().map(|range| range.end.saturating_sub(range.start));
        if !lengths.eq(answers.iter().map(|answer| crate::bytes::wide(answer.as_ref().len()))) {
            return Err(ScanError::Truncated("it has become shorter"));
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
        let surveyed = tracks::survey(&movie, packed, self.file)?;
        let judgement = gate::judge(&movie, surveyed, layout.is_mov, &self.limits)?;
        let mut probe = judgement.probe;
        probe.cut = layout.cut;
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
