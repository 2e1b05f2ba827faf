//! What a worker does about troubles: what may pass is waited for, what would come again is told.

use crate::encoder::code;
use backing::objects::{ObjectError, Objects};
use backing::tasks::{Done, JobError, Task};
use contracts::ObjectKey;
use sandbox::RunError;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// How often an encoder may hang over the same work.
const STALLS: i64 = 3;
/// How often it may be killed: memory that is short for a while kills more than once.
const DEATHS: i64 = 6;
/// How often an encoder may give up over the same work: twice the same is the work's fault.
const FAILURES: i64 = 2;
/// How long until a full disk, or a tool that is not installed, is looked at again.
const PAUSE: Duration = Duration::from_secs(5);

/// What follows from an encoder's bad end; `doing` says what it was to do with the file.
pub(crate) fn encoder(error: &RunError, task: &Task, doing: &str) -> Result<Done, JobError> {
    tracing::warn!(task = %task.key, attempt = task.attempt, %error, "an encoder came to a bad end");
    let (bearable, words) = match error {
        RunError::DiskFull | RunError::Missing(_) => return Ok(Done::Again(PAUSE)),
        RunError::Io(error) => return Err(JobError::Retry(error.to_string())),
        RunError::Unlisted(_) => {
            let message = "the encoder was given a path that it may not use".to_owned();
            return Err(JobError::Permanent(code(error).to_owned(), message));
        }
        RunError::Stalled => (STALLS, "got no further"),
        RunError::Killed(_) => (DEATHS, "was ended from outside"),
        RunError::Failed { .. } => (FAILURES, "gave up"),
    };
    // What the encoder itself says names paths of this machine; it is in the log.
    let message = format!("the encoder that was to {doing} the file {words}; the file may be damaged");
    // A worker that died with it is no fault of this work's encoder.
    if task.attempt - task.losses < bearable {
        return Err(JobError::Retry(message));
    }
    Err(JobError::Permanent(code(error).to_owned(), message))
}

/// What follows from a piece without any picture: an encoder that could not begin, for want of memory say, made none
/// either, so that once is not enough.
pub(crate) fn undecodable(task: &Task) -> JobError {
    let message = "a part of the file holds no picture that can be decoded".to_owned();
    if task.attempt - task.losses < FAILURES {
        return JobError::Retry(message);
    }
    JobError::Permanent("media_undecodable".to_owned(), message)
}

/// What follows from a store that does not take an object: one that is full may have room later.
pub(crate) fn store(error: &ObjectError) -> Result<Done, JobError> {
    match error {
        ObjectError::Full => {
            tracing::warn!("the object store is full: encoding waits");
            Ok(Done::Again(PAUSE))
        }
        error => Err(JobError::Retry(format!("a piece could not be stored: {error}"))),
    }
}

/// A staging folder that can't be made or read.
pub(crate) fn staging(error: &io::Error) -> JobError {
    JobError::Retry(format!("the staging folder can't be used: {error}"))
}

/// Where the source lies; encoders read files, not stores.
pub(crate) fn local(objects: &Objects, source: &ObjectKey) -> Result<PathBuf, JobError> {
    let path = objects.local_path(source);
    path.ok_or_else(|| JobError::Retry("the source is not on this machine".to_owned()))
}
