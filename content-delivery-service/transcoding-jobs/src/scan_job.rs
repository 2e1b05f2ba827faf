//! Scans a stored source: which tracks it has, and whether it can be watched without encoding.
//!
//! The scanner requests ranges of bytes, which the job reads from the object store; the scanner runs outside the async
//! threads. The sample index of a playable source is stored before the video becomes playable.

use crate::failures;
use async_trait::async_trait;
use backing::db::{DbError, Tx};
use backing::objects::{ObjectError, Objects};
use backing::tasks::{Done, Job, JobError, Task};
use bytes::Bytes;
use contracts::{ObjectKey, VideoId};
use fmp4::{Limits, Scan, ScanError, Scanner, Sniff, Step, Verdict, sniff};
use renditions::ledger::{Finding, Ledger};
use renditions::models::outcome::Recorded;
use renditions::tasks::{self, ScanTask};
use std::slice::from_ref;
use std::time::Instant;
use tokio::task::spawn_blocking;

/// How many bytes are enough to recognise the kind of a file.
const SNIFFED: u64 = 64 * 1_024;

/// Runs tasks of the kind `scan`.
pub struct ScanJob {
    objects: Objects,
    ledger: Ledger,
    limits: Limits,
}

/// The result of a scan.
enum ScanResult {
    Scanned(Box<Scan>, Option<Bytes>),
    OtherContainer(Sniff),
    Broken(ScanError),
}

impl ScanJob {
    /// A job that accepts sources within `limits` as playable.
    #[must_use]
    pub fn new(objects: Objects, ledger: Ledger, limits: Limits) -> Self {
        Self {
            objects,
            ledger,
            limits,
        }
    }

    /// Scans the source, stores the index, records the finding.
    async fn scan(&self, video: VideoId, task: &Task) -> Result<Recorded, JobError> {
        let source = ObjectKey::VideoSource(video);
        let look = match self.look(&source).await {
            Ok(look) => look,
            Err(ObjectError::NotFound) => return self.record(video, &Finding::Missing, task).await,
            Err(error) => return Err(JobError::store("the source could not be read", &error)),
        };
        let finding = match &look {
            ScanResult::OtherContainer(sniff) => Finding::OtherContainer(*sniff),
            ScanResult::Broken(error) => Finding::Broken(error),
            ScanResult::Scanned(scan, encoded) => match (&scan.verdict, encoded) {
                (Verdict::Playable(index), Some(bytes)) => {
                    let stored = self
                        .objects
                        .put(&ObjectKey::VideoSourceIndex(video), bytes.clone())
                        .await;
                    stored.map_err(|error| JobError::store("the index could not be stored", &error))?;
                    Finding::Playable(&scan.probe, index)
                }
                (Verdict::NeedsTranscoding(obstacle), _) => Finding::Obstacle(&scan.probe, obstacle),
                (Verdict::Playable(_), None) => return Err(JobError::Retry("the index was not encoded".to_owned())),
            },
        };
        self.record(video, &finding, task).await
    }

    async fn record(&self, video: VideoId, finding: &Finding<'_>, task: &Task) -> Result<Recorded, JobError> {
        let recorded = self.ledger.record(video, finding, task).await;
        if let Finding::Broken(error) = finding {
            failures::count(error.code());
        }
        recorded.map_err(|error| JobError::Retry(format!("the finding could not be recorded: {error}")))
    }

    async fn look(&self, source: &ObjectKey) -> Result<ScanResult, ObjectError> {
        let length = self.objects.size(source).await?;
        if length == 0 {
            return Ok(ScanResult::Broken(ScanError::Empty));
        }
        let first = self
            .objects
            .get_ranges(source, from_ref(&(0..length.min(SNIFFED))))
            .await?
            .concat();
        let kind = sniff(&first);
        if !kind.is_scannable() {
            return Ok(ScanResult::OtherContainer(kind));
        }
        let mut scanner = Scanner::new(length, self.limits);
        let mut answers = Vec::new();
        loop {
            let (returned, step) = match spawn_blocking(move || think(scanner, &answers)).await {
                Ok(thought) => thought,
                Err(error) => {
                    tracing::error!(%error, %source, "the scanner panicked");
                    return Ok(ScanResult::Broken(ScanError::Malformed("it could not be read")));
                }
            };
            scanner = returned;
            match step {
                Ok(Thought::Read(ranges)) => answers = self.objects.get_ranges(source, &ranges).await?,
                Ok(Thought::Done(scan, index)) => return Ok(ScanResult::Scanned(scan, index)),
                Err(error) => return Ok(ScanResult::Broken(error)),
            }
        }
    }
}

enum Thought {
    Read(Vec<std::ops::Range<u64>>),
    Done(Box<Scan>, Option<Bytes>),
}

/// Runs one step of the scanner, and encodes the index after the last one.
fn think(mut scanner: Scanner, answers: &[Bytes]) -> (Scanner, Result<Thought, ScanError>) {
    let step = scanner.step(answers).map(|step| match step {
        Step::Read(ranges) => Thought::Read(ranges),
        Step::Done(scan) => {
            let index = match &scan.verdict {
                Verdict::Playable(index) => Some(Bytes::from(index.encode())),
                Verdict::NeedsTranscoding(_) => None,
            };
            Thought::Done(Box::new(scan), index)
        }
    });
    (scanner, step)
}

#[async_trait]
impl Job for ScanJob {
    fn kind(&self) -> &'static str {
        ScanTask::KIND
    }

    async fn run(&self, task: &Task) -> Result<Done, JobError> {
        let ScanTask { video_id } = tasks::read(task)?;
        let began = Instant::now();
        let recorded = self.scan(video_id, task).await?;
        let seconds = began.elapsed().as_secs_f64();
        metrics::histogram!(crate::SCAN_SECONDS).record(seconds);
        tracing::info!(video = %video_id, seconds, ?recorded, "a source was scanned");
        Ok(Done::AlreadyComplete)
    }

    async fn lock(&self, tx: &mut Tx, task: &Task) -> Result<(), DbError> {
        match tasks::read(task) {
            Ok(ScanTask { video_id }) => Ledger::lock(tx, video_id).await,
            Err(_) => Ok(()),
        }
    }

    async fn abandoned(&self, tx: &mut Tx, task: &Task, code: &str, message: &str) -> Result<(), DbError> {
        let Ok(ScanTask { video_id }) = tasks::read(task) else {
            return Ok(());
        };
        tracing::error!(video = %video_id, code, message, "a source could not be examined");
        self.ledger.give_up(tx, video_id).await
    }
}
