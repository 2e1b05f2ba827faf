//! Runs ffmpeg and ffprobe where they can hurt nothing, and never longer than they get on.
//!
//! The program that is started is MoocFlix itself, as `encoder-child`: a guard that ends the tool when this process is
//! gone, and limits that the tool has from its first instruction. Dropping what runs ends all of it at once. A tool that
//! gets nowhere for a while is ended as well.
//!
//! Arguments are this crate's own; nothing that a person has typed or a file has told may be among them.

mod progress;
mod running;
mod tail;

pub use progress::Progress;
pub use running::Running;

use progress::ProgressReader;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The code with which `moocflix encoder-child` says that the tool is not there.
pub const EXIT_MISSING: u8 = 127;
/// The code with which `moocflix encoder-child` says that it can't start the tool.
pub const EXIT_UNUSABLE: u8 = 126;

/// The programs that are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// Decodes and encodes.
    Ffmpeg,
    /// Lists streams and packets.
    Ffprobe,
}

impl Tool {
    /// What the tool is called.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ffmpeg => "ffmpeg",
            Self::Ffprobe => "ffprobe",
        }
    }
}

/// What a tool may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Address space in bytes. Threads and their heaps reserve far more of it than they use.
    pub memory: u64,
    /// Bytes in one file that it writes.
    pub file_size: u64,
    /// Processor time, all threads together.
    pub cpu: Option<Duration>,
    /// How far it steps back for others, 0 to 19: an encoder for everything, and what somebody waits for only for the API
    /// and the players.
    pub nice: u8,
}

impl Limits {
    /// For what somebody waits for: before other encoders, behind the API and the players.
    pub const URGENT: u8 = 10;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: 8 << 30,
            file_size: 16 << 30,
            cpu: None,
            nice: 19,
        }
    }
}

/// What is to be run.
#[derive(Clone, Debug)]
pub struct Order {
    /// The program.
    pub tool: Tool,
    /// Its arguments, as they are.
    pub args: Vec<OsString>,
    /// The task's staging folder: where the tool runs, and what is removed when this process dies.
    pub folder: PathBuf,
    /// What it may take.
    pub limits: Limits,
}

/// Why a tool did not come to a good end.
#[derive(Debug, thiserror::Error)]
pub enum EncoderError {
    /// It got nowhere for too long, and was ended.
    #[error("it got no further")]
    Stalled,
    /// It was ended by a signal that nobody here has sent.
    #[error("it was killed by signal {0}")]
    Killed(i32),
    /// It gave up.
    #[error("it ended with code {code}: {message}")]
    Failed {
        /// Its exit code.
        code: i32,
        /// The last of what it wrote to standard error.
        message: String,
    },
    /// There was no room for what it wrote.
    #[error("the disk is full")]
    DiskFull,
    /// It is not installed.
    #[error("{} is not installed", .0.name())]
    Missing(Tool),
    /// It could not be started or listened to.
    #[error("it can't be run: {0}")]
    Io(#[from] io::Error),
}

impl EncoderError {
    /// A stable name for the error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Stalled => "encoder_stalled",
            Self::Killed(_) => "encoder_killed",
            Self::Failed { .. } => "encoder_failed",
            Self::DiskFull => "disk_full",
            Self::Missing(_) => "encoder_missing",
            Self::Io(_) => "encoder_unusable",
        }
    }
}

/// Starts tools.
#[derive(Clone, Debug)]
pub struct Encoder {
    program: PathBuf,
    ffmpeg: OsString,
    ffprobe: OsString,
    stall: Duration,
}

impl Encoder {
    /// An encoder that starts tools through `program`, which is MoocFlix, and ends what gets nowhere for `stall`.
    ///
    /// The tools are looked for in `PATH`.
    #[must_use]
    pub fn new(program: impl Into<PathBuf>, stall: Duration) -> Self {
        Self {
            program: program.into(),
            ffmpeg: Tool::Ffmpeg.name().into(),
            ffprobe: Tool::Ffprobe.name().into(),
            stall,
        }
    }

    /// Other names or paths for the tools.
    #[must_use]
    pub fn with_tools(mut self, ffmpeg: impl Into<OsString>, ffprobe: impl Into<OsString>) -> Self {
        self.ffmpeg = ffmpeg.into();
        self.ffprobe = ffprobe.into();
        self
    }

    /// Starts a tool; what it writes to standard output is read from what is returned.
    ///
    /// # Errors
    /// The guard can't be started.
    pub fn start(&self, order: &Order) -> Result<Running, EncoderError> {
        Running::start(self, order)
    }

    /// Runs a tool that writes its progress to standard output (`-progress pipe:1`) to its end.
    ///
    /// `progress` is told whenever the tool tells it. Dropping the future ends the tool.
    ///
    /// # Errors
    /// The tool did not come to a good end.
    pub async fn run(&self, order: &Order, mut progress: impl FnMut(Progress) + Send) -> Result<(), EncoderError> {
        let mut running = self.start(order)?;
        let mut reader = ProgressReader::default();
        while let Some(bytes) = running.pull().await? {
            for report in reader.push(&bytes) {
                // Saying the same again and again is no progress.
                if report.further {
                    running.got_on();
                }
                progress(report.progress);
            }
        }
        Ok(())
    }

    fn program(&self) -> &Path {
        &self.program
    }

    fn tool(&self, tool: Tool) -> &OsStr {
        match tool {
            Tool::Ffmpeg => &self.ffmpeg,
            Tool::Ffprobe => &self.ffprobe,
        }
    }
}
