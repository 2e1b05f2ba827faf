//! Why a run failed.

use rustix::process::Signal;
use std::io;
use std::path::PathBuf;

/// Why a tool did not finish its work.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// It made no progress for too long, and was ended.
    #[error("it made no progress")]
    Stalled,
    /// It used more processor time than its order permits, and was ended.
    #[error("it used up its processor time")]
    OverTime,
    /// A signal that the sandbox did not send ended it.
    #[error("it was killed by signal {0}")]
    Killed(i32),
    /// It exited with an error.
    #[error("it ended with code {code}: {message}")]
    Failed {
        /// Its exit code.
        code: i32,
        /// The end of its standard error.
        message: String,
    },
    /// There was no space for its output.
    #[error("the disk is full")]
    DiskFull,
    /// The tool of this name is not installed.
    #[error("{} is not installed", .0.display())]
    Missing(PathBuf),
    /// An argument names a path that the order lists neither under `reads` nor under `writes`.
    #[error("an argument names {}, which the order does not list", .0.display())]
    Unlisted(PathBuf),
    /// It could not be started, or its output could not be read.
    #[error("it cannot be run: {0}")]
    Io(#[from] io::Error),
}

impl RunError {
    /// Whether the tool itself crashed: with such an input it will probably do so again.
    ///
    /// In a process namespace, a tool that aborts is reported with the signal of an invalid access.
    #[must_use]
    pub fn is_crash(&self) -> bool {
        let crashes = [
            Signal::ABORT,
            Signal::SEGV,
            Signal::BUS,
            Signal::ILL,
            Signal::FPE,
            Signal::TRAP,
            Signal::SYS,
        ];
        matches!(self, Self::Killed(signal) if crashes.iter().any(|crash| crash.as_raw() == *signal))
    }
}
