//! Maps failures to what the task queue does next: wait, try again, or give up.

use crate::encoder::code;
use crate::encoder::codecs::Refusal;
use crate::sources::SourceError;
use backing::tasks::{Done, JobError, Task};
use sandbox::RunError;
use std::io;
use std::time::Duration;

/// How often an encoder may stall on the same work.
const STALLS: i64 = 3;
/// How often an encoder may be killed on the same work: a shortage of memory may last and kill it several times.
const DEATHS: i64 = 6;
/// How often a decoder may crash on the same work: the file makes it crash, or tries to take it over.
const CRASHES: i64 = 2;
/// How often an encoder may fail on the same work: if it fails twice, the work is at fault.
const FAILURES: i64 = 2;
/// The pause before a retry when the disk is full or a tool is not installed.
const PAUSE: Duration = Duration::from_secs(5);

/// The outcome of a task whose encoder failed; `doing` is a verb for what the encoder was to do with the file.
pub(crate) fn encoder(error: &RunError, task: &Task, doing: &str) -> Result<Done, JobError> {
    tracing::warn!(task = %task.key, attempt = task.attempt, %error, "an encoder failed");
    // Attempts that ended because the worker died don't count.
    outcome(error, task.attempt - task.losses, doing)
}

/// The outcome when an encoder has failed for the `failures`th time.
fn outcome(error: &RunError, failures: i64, doing: &str) -> Result<Done, JobError> {
    let (bearable, words) = match error {
        RunError::DiskFull | RunError::Missing(_) => return Ok(Done::Again(PAUSE)),
        RunError::Io(error) => return Err(of_pipe(error)),
        RunError::Unlisted(_) => {
            let message = "the encoder was given a path that it may not use".to_owned();
            return Err(JobError::Permanent(code(error).to_owned(), message));
        }
        RunError::OverTime => {
            let message =
                format!("it takes too long to {doing} the file; convert it with another program, and upload it again");
            return Err(JobError::Permanent(code(error).to_owned(), message));
        }
        RunError::Stalled => (STALLS, "made no progress"),
        RunError::Killed(_) if error.is_crash() => {
            let message = format!("the decoder crashed when it was to {doing} the file; the file is damaged");
            if failures < CRASHES {
                return Err(JobError::Retry(message));
            }
            return Err(JobError::Permanent("media_undecodable".to_owned(), message));
        }
        RunError::Killed(_) => (DEATHS, "was killed"),
        RunError::Failed { .. } => (FAILURES, "failed"),
    };
    if let RunError::Failed { message, .. } = error
        && Refusal::read(message) == Some(Refusal::Memory)
        && failures >= FAILURES
    {
        let message = format!(
            "it takes too much memory to {doing} the file; convert it with another program, and upload it again"
        );
        return Err(JobError::Permanent("media_too_large".to_owned(), message));
    }
    // The encoder's own message may contain paths of this machine; it is logged only.
    let message = format!("the encoder that was to {doing} the file {words}; the file may be damaged");
    if failures < bearable {
        return Err(JobError::Retry(message));
    }
    Err(JobError::Permanent(code(error).to_owned(), message))
}

/// Counts a source, or a part of one, that can't be made playable.
pub(crate) fn count(code: &str) {
    metrics::counter!(crate::SOURCES_REFUSED, "reason" => code.to_owned()).increment(1);
}

/// The outcome for a piece without any picture. An encoder that could not start, for lack of memory for example, makes
/// none either, so the task is tried again before it is given up.
pub(crate) fn undecodable(task: &Task) -> JobError {
    let message = "a part of the file contains no picture that can be decoded".to_owned();
    if task.attempt - task.losses < FAILURES {
        return JobError::Retry(message);
    }
    JobError::Permanent("media_undecodable".to_owned(), message)
}

/// The error for a staging folder that can't be created or read.
pub(crate) fn staging(error: &io::Error) -> JobError {
    let message = format!("the staging folder can't be used: {error}");
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => JobError::Wait(message),
        _ => JobError::Retry(message),
    }
}

/// The error of a run that could not read or write; what feeds it may have failed to fetch the source.
fn of_pipe(error: &io::Error) -> JobError {
    let source = error.get_ref().and_then(|inner| inner.downcast_ref::<SourceError>());
    source.map_or_else(|| JobError::Retry(error.to_string()), of_source)
}

fn of_source(error: &SourceError) -> JobError {
    match error {
        SourceError::Store(error) => JobError::store("the source could not be read", error),
        SourceError::Database(_) => JobError::Retry(error.to_string()),
        SourceError::NoRoom(_) => JobError::Wait(error.to_string()),
        SourceError::Staging(error) => staging(error),
        SourceError::Indivisible(_) => {
            let message = "the file is too large for a file of which no part can be read alone; convert it to MP4, and \
                           upload it again";
            JobError::Permanent("media_too_large".to_owned(), message.to_owned())
        }
    }
}

impl From<SourceError> for JobError {
    fn from(error: SourceError) -> Self {
        of_source(&error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What follows each of the first failures, up to the last.
    fn outcomes(error: &RunError) -> Vec<String> {
        let mut all = Vec::new();
        for failures in 1..=10 {
            match outcome(error, failures, "encode") {
                Err(JobError::Retry(_)) => all.push("again".to_owned()),
                Err(JobError::Permanent(code, _)) => {
                    all.push(code);
                    return all;
                }
                other => return vec![format!("{other:?}")],
            }
        }
        all
    }

    fn failed(message: &str) -> RunError {
        let message = message.to_owned();
        RunError::Failed { code: 1, message }
    }

    #[test]
    fn work_whose_encoder_fails_is_tried_again_as_often_as_it_may_help() {
        assert_eq!(outcomes(&RunError::OverTime), ["media_too_slow"]);
        assert_eq!(outcomes(&RunError::Unlisted("secret".into())), ["encoder_unusable"]);
        // an invalid access and an abort
        for signal in [11, 6] {
            assert_eq!(
                outcomes(&RunError::Killed(signal)),
                ["again", "media_undecodable"],
                "{signal}"
            );
        }
        assert_eq!(outcomes(&failed("damaged")), ["again", "encoder_failed"]);
        assert_eq!(outcomes(&RunError::Stalled), ["again", "again", "encoder_stalled"]);
        let killed = outcomes(&RunError::Killed(9));
        assert_eq!((killed.len(), killed.last().unwrap().as_str()), (6, "encoder_killed"));
    }

    #[test]
    fn what_the_machine_lacks_is_waited_for() {
        for error in [RunError::DiskFull, RunError::Missing("ffmpeg".into())] {
            assert_eq!(outcome(&error, 100, "encode"), Ok(Done::Again(PAUSE)), "{error}");
        }
    }
}
