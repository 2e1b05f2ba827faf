//! ffmpeg and ffprobe as programs: their names, ffmpeg's progress, and the codes of their failures.
//!
//! They run in a [`Sandbox`]. This crate chooses their arguments, which must contain no user's input and no text from a
//! file.

pub(crate) mod codecs;
pub(crate) mod installed;
mod progress;
pub mod version;

pub use progress::EncoderProgress;

use progress::ProgressReader;
use sandbox::{Order, RunError, Sandbox};

/// Decodes and encodes.
pub(crate) const FFMPEG: &str = "ffmpeg";
/// Lists streams and packets.
pub(crate) const FFPROBE: &str = "ffprobe";

/// Runs a tool that writes its progress to standard output (`-progress pipe:1`) to its end.
///
/// Calls `progress` with every report; dropping the future ends the tool.
///
/// Errors: the tool did not finish its work
pub async fn run(
    sandbox: &Sandbox,
    order: &Order,
    mut progress: impl FnMut(EncoderProgress) + Send,
) -> Result<(), RunError> {
    let mut running = sandbox.start(order)?;
    let mut reader = ProgressReader::default();
    while let Some(bytes) = running.read().await? {
        for report in reader.push(&bytes) {
            // A repeated report is no progress.
            if report.further {
                running.progressed();
            }
            progress(report.progress);
        }
    }
    Ok(())
}

/// A stable name for an encoder's failure.
pub(crate) fn code(error: &RunError) -> &'static str {
    match error {
        RunError::Stalled => "encoder_stalled",
        RunError::OverTime => "media_too_slow",
        RunError::Killed(_) => "encoder_killed",
        RunError::Failed { .. } => "encoder_failed",
        RunError::DiskFull => "disk_full",
        RunError::Missing(_) => "encoder_missing",
        RunError::Unlisted(_) | RunError::Io(_) => "encoder_unusable",
    }
}
