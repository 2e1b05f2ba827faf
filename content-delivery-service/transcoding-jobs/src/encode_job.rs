//! Encodes a plan piece by piece, and publishes each piece as soon as it is stored.

mod arguments;
mod budget;
mod picture;
mod sound;
mod stretches;

use crate::encoder::{FFMPEG, installed};
use crate::failures;
use crate::recordings::Recordings;
use crate::sources::Sources;
use async_trait::async_trait;
use backing::db::{DbError, Tx};
use backing::objects::Objects;
use backing::tasks::{Done, Job, JobError, Task};
use bytes::Bytes;
use contracts::{ObjectKey, RenditionName, VideoId};
use fmp4::Piece;
use renditions::ledger::Ledger;
use renditions::models::lecture::Reason;
use renditions::models::plan::{Plan, Work};
use renditions::models::publication::{NewPiece, Publication, Published};
use renditions::tasks::{self, EncodeTask};
use sandbox::staging::Staging;
use sandbox::{Limits, Sandbox};
use std::time::{Duration, Instant};

/// How often to report an encoder's progress, which also checks that the task is still this worker's.
const REPORTING: Duration = Duration::from_secs(1);

/// Runs tasks of one of the two kinds that encode.
#[derive(Clone)]
pub(crate) struct EncodeJob {
    /// The kind of tasks: those of [`EncodeTask::FIRST_KIND`] make a lecture playable.
    pub(crate) kind: &'static str,
    pub(crate) objects: Objects,
    pub(crate) sources: Sources,
    pub(crate) recordings: Recordings,
    pub(crate) ledger: Ledger,
    pub(crate) sandbox: Sandbox,
    pub(crate) staging: Staging,
    pub(crate) preset: String,
    /// Threads of one encoder.
    pub(crate) threads: usize,
}

/// A task with its plan.
#[derive(Clone)]
struct Assignment<'a> {
    task: &'a Task,
    video: VideoId,
    generation: u32,
    work: Work,
    plan: &'a Plan,
}

/// Why an assignment ended early.
enum Over {
    /// With a result for the task queue.
    Ended(Result<Done, JobError>),
    /// The task is not this worker's any more: its results are dropped.
    Lost,
}

impl<E: Into<JobError>> From<E> for Over {
    fn from(error: E) -> Self {
        Self::Ended(Err(error.into()))
    }
}

#[async_trait]
impl Job for EncodeJob {
    fn kind(&self) -> &'static str {
        self.kind
    }

    async fn run(&self, task: &Task) -> Result<Done, JobError> {
        let EncodeTask {
            video_id: video,
            generation,
            work,
        } = tasks::read(task)?;
        let Some(plan) = self.ledger.plan(video, generation).await? else {
            return Ok(Done::Complete); // the video was deleted
        };
        if let Some(waits) = installed::wait_for(FFMPEG, &self.ledger, video).await? {
            return Ok(waits);
        }
        let assignment = Assignment {
            task,
            video,
            generation,
            work,
            plan: &plan,
        };
        let began = Instant::now();
        let ended = match &assignment.work {
            Work::Audio(n) => Box::pin(self.sound(&assignment, *n)).await,
            Work::Piece { number, rungs } => Box::pin(self.picture(&assignment, *number, rungs)).await,
        };
        match ended {
            Ok(()) => {
                let seconds = began.elapsed().as_secs_f64();
                metrics::histogram!(crate::ENCODE_SECONDS).record(seconds);
                tracing::debug!(task = %task.key, seconds, "encoded");
                Ok(Done::AlreadyComplete)
            }
            Err(Over::Ended(ended)) => ended,
            Err(Over::Lost) => {
                tracing::info!(task = %task.key, fence = task.fence, "the task is not this worker's any more");
                Ok(Done::AlreadyComplete)
            }
        }
    }

    async fn lock(&self, tx: &mut Tx, task: &Task) -> Result<(), DbError> {
        match tasks::read::<EncodeTask>(task) {
            Ok(encode) => Ledger::lock(tx, encode.video_id).await,
            Err(_) => Ok(()),
        }
    }

    async fn abandoned(&self, tx: &mut Tx, task: &Task, code: &str, message: &str) -> Result<(), DbError> {
        let Ok(encode) = tasks::read::<EncodeTask>(task) else {
            return Ok(());
        };
        tracing::error!(task = %task.key, code, message, "a part of a lecture can't be encoded");
        failures::count(code);
        let of = (encode.video_id, encode.generation);
        self.ledger.fail(tx, of, &encode.work, code, message).await
    }
}

impl EncodeJob {
    /// The limits of an encoder: the first piece of a lecture takes precedence over later pieces of others.
    fn limits(&self) -> Limits {
        let usual = Limits::default();
        let nice = if self.kind == EncodeTask::FIRST_KIND {
            Limits::URGENT
        } else {
            usual.nice
        };
        Limits { nice, ..usual }
    }

    /// Reports an encoder's progress, `ticks`; returns when the task is not this worker's any more.
    async fn watch(&self, assignment: &Assignment<'_>, ticks: impl Fn() -> u64) {
        loop {
            let Assignment {
                task,
                video,
                generation,
                work,
                ..
            } = assignment;
            match self.ledger.report(*video, *generation, work, task, ticks()).await {
                Ok(true) => {}
                Ok(false) => return,
                // Without an answer the work continues; publishing checks again.
                Err(error) => tracing::warn!(task = %task.key, %error, "progress could not be reported"),
            }
            tokio::time::sleep(REPORTING).await;
        }
    }

    /// Stores a piece under the task's fence.
    async fn store(
        &self,
        assignment: &Assignment<'_>,
        rendition: &RenditionName,
        number: u32,
        bytes: Vec<u8>,
    ) -> Result<ObjectKey, Over> {
        let key = assignment.key(rendition, number);
        match self.objects.put(&key, Bytes::from(bytes)).await {
            Ok(()) => Ok(key),
            Err(error) => {
                self.discard(std::slice::from_ref(&key)).await;
                Err(JobError::store("a piece could not be stored", &error).into())
            }
        }
    }

    /// Publishes stored pieces, and which renditions failed; removes the pieces if they can't be published.
    async fn publish(
        &self,
        assignment: &Assignment<'_>,
        (pieces, failed): (Vec<NewPiece>, Vec<(RenditionName, Reason)>),
        keys: &[ObjectKey],
        finish: bool,
    ) -> Result<(), Over> {
        let mut publication = Publication {
            video: assignment.video,
            generation: assignment.generation,
            pieces,
            failed,
            finish,
        };
        loop {
            match self.ledger.publish(&publication, assignment.task).await {
                Ok(Published::Done) => {
                    let count = u64::try_from(publication.pieces.len()).unwrap_or(0);
                    metrics::counter!(crate::PIECES_PUBLISHED).increment(count);
                    return Ok(());
                }
                Ok(Published::Overtaken) => {
                    self.discard(keys).await;
                    return Err(Over::Lost);
                }
                Ok(Published::OtherParameters { rendition }) => {
                    let code = "piece_parameters".to_owned();
                    let message = format!("a piece of {rendition} has other parameters than those before it");
                    let (other, rest): (Vec<_>, Vec<_>) = publication
                        .pieces
                        .into_iter()
                        .partition(|piece| piece.rendition == rendition);
                    if rest.is_empty() {
                        self.discard(keys).await;
                        return Err(JobError::Permanent(code, message).into());
                    }
                    let keys: Vec<ObjectKey> = other
                        .iter()
                        .map(|piece| assignment.key(&rendition, piece.piece))
                        .collect();
                    self.discard(&keys).await;
                    publication.pieces = rest;
                    publication.failed.push((rendition, Reason { code, message }));
                }
                // The transaction may have been committed nevertheless. The objects stay; `tidy` removes them if it was
                // not.
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn discard(&self, keys: &[ObjectKey]) {
        for key in keys {
            if let Err(error) = self.objects.delete(key).await {
                tracing::warn!(%key, %error, "an unpublished piece could not be removed");
            }
        }
    }
}

impl Assignment<'_> {
    fn key(&self, rendition: &RenditionName, piece: u32) -> ObjectKey {
        ObjectKey::VideoPiece {
            video: self.video,
            generation: self.generation,
            rendition: rendition.clone(),
            piece,
            fence: self.task.fence,
        }
    }
}

/// The piece in the form in which it is published.
fn hand_in(
    rendition: &RenditionName,
    number: u32,
    (first, last): (u32, bool),
    timescale: u32,
    piece: &Piece,
) -> NewPiece {
    NewPiece {
        rendition: rendition.clone(),
        piece: number,
        first,
        last,
        init: piece.init.clone(),
        codecs: piece.codec_string.clone(),
        timescale,
        segments: piece.segments.iter().map(|one| (one.duration, one.bytes)).collect(),
        frames: piece.frames,
    }
}
