//! What looking into a stored source means for its video; called by the crate `transcoding-jobs`.
//!
//! One transaction writes the video's new status, its events and the end of the task, and only if
//! the task is still the worker's: a worker that was given up for dead can't publish anything.

use crate::models::outcome::{Outcome, Recorded, Source};
use crate::models::video::Reason;
use crate::repositories::transcode_repository::{TranscodeRepository, write_with_events};
use backing::Clock;
use backing::db::{Db, DbError, Tx};
use backing::tasks::Task;
use contracts::VideoId;
use fmp4::{IndexHead, Obstacle, Probe, ScanError, Sniff};

/// Writes down what became of stored sources.
#[derive(Clone)]
pub struct TranscodeService {
    repository: TranscodeRepository,
    clock: Clock,
}

/// What was found in a stored source.
#[derive(Debug)]
pub enum Finding<'a> {
    /// Segments can be cut from it as it is; its index is stored.
    Playable(&'a Probe, &'a IndexHead),
    /// It has to be encoded again before it can be watched.
    Obstacle(&'a Probe, &'a Obstacle),
    /// It is of a kind that only an encoder reads.
    OtherContainer(Sniff),
    /// It is broken, empty, encrypted or no media at all.
    Broken(&'a ScanError),
    /// It is not in the object store any more.
    Missing,
    /// It could not be looked into, however often that was tried.
    Unreadable,
}

impl TranscodeService {
    /// Works on the content database.
    #[must_use]
    pub fn new(db: Db, clock: Clock) -> Self {
        Self {
            repository: TranscodeRepository::new(db),
            clock,
        }
    }

    /// Records what was found in a video's source and ends the task, in one transaction.
    pub async fn record(&self, video: VideoId, finding: &Finding<'_>, task: &Task) -> Result<Recorded, DbError> {
        self.repository
            .record(video, &outcome(finding), task, self.clock.now())
            .await
    }

    /// Records, in the transaction that gives a task up, that a video's source could not be looked into.
    pub async fn give_up(&self, tx: &mut Tx, video: VideoId) -> Result<(), DbError> {
        write_with_events(tx, video, &outcome(&Finding::Unreadable), self.clock.now())
            .await
            .map(|_| ())
    }
}

fn outcome(finding: &Finding<'_>) -> Outcome {
    let failed = |code: &str, message: String| Outcome::Failed {
        reason: Reason {
            code: code.to_owned(),
            message,
        },
    };
    match finding {
        Finding::Playable(probe, head) => Outcome::Playable {
            source: Source::of(probe, Some(head)),
        },
        Finding::Obstacle(probe, obstacle) => Outcome::NeedsTranscoding {
            source: Some(Source::of(probe, None)),
            reason: needs_transcoding(&obstacle.to_string()),
            obstacle: obstacle.code().to_owned(),
        },
        Finding::OtherContainer(sniff) if sniff.is_media() => Outcome::NeedsTranscoding {
            source: Some(Source::unread(sniff.container())),
            reason: needs_transcoding(&format!("the file is {}, not MP4", sniff.container())),
            obstacle: "container".to_owned(),
        },
        Finding::OtherContainer(_) => failed("unsupported_media", "the file holds no audio or video".to_owned()),
        Finding::Broken(error) => failed(error.code(), error.to_string()),
        Finding::Missing => failed("media_missing", "the stored file is gone".to_owned()),
        Finding::Unreadable => failed(
            "scan_failed",
            "the file could not be looked into; upload it again".to_owned(),
        ),
    }
}

fn needs_transcoding(why: &str) -> Reason {
    let message = format!("it has to be encoded again before it can be watched: {why}");
    Reason {
        code: "needs_transcoding".to_owned(),
        message,
    }
}
