//! Whether the tools are installed. Lectures wait for a missing one, and go on by themselves once it is there.

use super::{FFMPEG, FFPROBE};
use backing::tasks::{Done, JobError};
use contracts::VideoId;
use renditions::ledger::Ledger;
use runtime::Background;
use sandbox::is_installed;
use std::time::Duration;

/// How often to look for missing tools.
const LOOK: Duration = Duration::from_secs(5);

/// Looks for a tool before it works on a lecture.
///
/// Shape: none if it is installed; else the outcome of the task, and the lecture's owner sees why it waits
pub(crate) async fn wait_for(tool: &str, ledger: &Ledger, video: VideoId) -> Result<Option<Done>, JobError> {
    let is_missing = !is_installed(tool);
    ledger.note_encoder(video, is_missing).await?;
    Ok(is_missing.then_some(Done::Again(LOOK)))
}

/// Checks that both tools are installed.
///
/// Errors: a sentence about what is missing
pub fn check() -> Result<(), String> {
    let missing: Vec<&str> = [FFMPEG, FFPROBE]
        .into_iter()
        .filter(|tool| !is_installed(tool))
        .collect();
    match missing.as_slice() {
        [] => Ok(()),
        [one] => Err(format!(
            "{one} is not installed; lectures that have to be encoded wait for it"
        )),
        all => Err(format!(
            "{} are not installed; lectures that have to be encoded wait for them",
            all.join(" and ")
        )),
    }
}

/// Publishes whether a tool is missing, and logs it when that changes.
pub(crate) fn background() -> Background {
    Background::new("encoder-installed", |shutdown| async move {
        let mut known = true;
        loop {
            let found = check();
            metrics::gauge!(crate::ENCODER_MISSING).set(if found.is_ok() { 0.0 } else { 1.0 });
            match &found {
                Err(missing) if known => tracing::error!("{missing}"),
                Ok(()) if !known => tracing::info!("ffmpeg and ffprobe are installed: encoding continues"),
                _ => {}
            }
            known = found.is_ok();
            if !shutdown.pause(LOOK).await {
                return Ok(());
            }
        }
    })
}
