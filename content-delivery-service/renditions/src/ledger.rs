//! The workers' ledger: records findings about sources, plans what follows, and publishes pieces.
//!
//! One transaction writes a change, its events and the end of the task, and only if the task is still the worker's: a
//! worker that lost its task can't publish anything.

use crate::models::lecture::Reason;
use crate::models::outcome::{Outcome, Recorded, Source};
use crate::models::plan::{Plan, Work};
use crate::models::planning::{plan_below_source, plan_of_recording, plan_of_survey};
use crate::models::publication::{Publication, Published};
use crate::models::recorded::RecordedPicture;
use crate::models::survey::{ScannedTracks, Survey};
use crate::repositories::plan_repository::{PlanRepository, failing};
use crate::repositories::transcode_repository::{TranscodeRepository, lock, write_with_events};
use backing::Clock;
use backing::db::{Db, DbError, Tx};
use backing::tasks::Task;
use contracts::{RenditionName, VideoId};
use fmp4::{Index, Obstacle, Probe, ScanError, Sniff};
use std::sync::Arc;

/// Records what workers find in stored sources and make of them.
#[derive(Clone)]
pub struct Ledger {
    repository: TranscodeRepository,
    plans: PlanRepository,
    clock: Clock,
    rungs: Arc<[u32]>,
    is_fetched: bool,
}

/// The reason of a lecture that waits for an encoder to be installed.
const ENCODER_MISSING: &str = "encoder_missing";

/// The result of a scan or survey of a stored source.
#[derive(Debug)]
pub enum Finding<'a> {
    /// Segments can be cut from it without encoding; its index is stored.
    Playable(&'a Probe, &'a Index),
    /// It has to be encoded again before it can be watched.
    Obstacle(&'a Probe, &'a Obstacle),
    /// It is of a kind that only an encoder can read.
    OtherContainer(Sniff),
    /// It is the recording of a live lecture, with this picture.
    Recorded(Option<&'a RecordedPicture>),
    /// An encoder's probe has read it.
    Surveyed(&'a Survey),
    /// An encoder's probe can't read it: a stable code, and a message.
    Unusable(&'a str, &'a str),
    /// It is broken, empty, encrypted or no media at all.
    Broken(&'a ScanError),
    /// It is missing in the object store.
    Missing,
    /// It could not be examined in any of the attempts.
    Unreadable,
}

impl Ledger {
    /// A ledger in the content database; `rungs` are the short sides to encode.
    #[must_use]
    pub fn new(db: Db, clock: Clock, rungs: &[u32]) -> Self {
        Self {
            repository: TranscodeRepository::new(db.clone()),
            plans: PlanRepository::new(db),
            clock,
            rungs: rungs.into(),
            is_fetched: false,
        }
    }

    /// Plans for workers that fetch sources from elsewhere.
    #[must_use]
    pub fn fetching(self, is_fetched: bool) -> Self {
        Self { is_fetched, ..self }
    }

    /// Records a finding about a video's source, plans what follows, and ends the task, in one transaction.
    pub async fn record(&self, video: VideoId, finding: &Finding<'_>, task: &Task) -> Result<Recorded, DbError> {
        let mut outcome = outcome(finding, &self.rungs);
        if let Outcome::Planned { plan, .. } = &mut outcome {
            plan.is_fetched = self.is_fetched;
        }
        self.repository.record(video, &outcome, task, self.clock.now()).await
    }

    /// Locks a video's row, in the transaction that gives a task up.
    pub async fn lock(tx: &mut Tx, video: VideoId) -> Result<(), DbError> {
        lock(tx, video).await
    }

    /// Records, in the transaction that gives a task up, that a video's source could not be examined.
    pub async fn give_up(&self, tx: &mut Tx, video: VideoId) -> Result<(), DbError> {
        let outcome = outcome(&Finding::Unreadable, &self.rungs);
        write_with_events(tx, video, &outcome, self.clock.now())
            .await
            .map(|_| ())
    }

    /// Records, in the transaction that gives a task up, that an encoder can't read a video's source.
    pub async fn unusable(&self, tx: &mut Tx, video: VideoId, code: &str, message: &str) -> Result<(), DbError> {
        let outcome = outcome(&Finding::Unusable(code, message), &self.rungs);
        write_with_events(tx, video, &outcome, self.clock.now())
            .await
            .map(|_| ())
    }

    /// Notes on a lecture that it waits because an encoder is missing, or no longer does.
    pub async fn note_encoder(&self, video: VideoId, is_missing: bool) -> Result<(), DbError> {
        let now = self.clock.now();
        if is_missing {
            let reason = Reason {
                code: ENCODER_MISSING.to_owned(),
                message:
                    "the program that encodes lectures, ffmpeg, is not installed on the server; encoding starts by \
                    itself when an administrator has installed it"
                        .to_owned(),
            };
            self.repository.wait(video, &reason, now).await
        } else {
            self.repository
                .go_on(video, ENCODER_MISSING, &needs_transcoding(None), now)
                .await
        }
    }

    /// A plan of a video.
    pub async fn plan(&self, video: VideoId, generation: u32) -> Result<Option<Plan>, DbError> {
        self.plans.find(video, generation).await
    }

    /// The published pieces of a rendition up to the first gap: number, and packets or frames, of each.
    pub async fn published(
        &self,
        video: VideoId,
        generation: u32,
        name: &RenditionName,
    ) -> Result<Vec<(i64, i64)>, DbError> {
        self.plans.published(video, generation, name).await
    }

    /// The renditions of a plan that have not failed and lack a piece.
    pub async fn lacking(&self, video: VideoId, generation: u32, piece: u32) -> Result<Vec<RenditionName>, DbError> {
        self.plans.lacking(video, generation, piece).await
    }

    /// Publishes pieces whose objects are stored.
    pub async fn publish(&self, publication: &Publication, task: &Task) -> Result<Published, DbError> {
        self.plans.publish(publication, task, self.clock.now()).await
    }

    /// Records how far a task's encoder is, in ticks of its piece; false if the encoder must be ended.
    pub async fn report(
        &self,
        video: VideoId,
        generation: u32,
        work: &Work,
        task: &Task,
        ticks: u64,
    ) -> Result<bool, DbError> {
        let now = self.clock.now();
        self.plans.report(video, generation, work, task, (ticks, now)).await
    }

    /// Records, in the transaction that gives a task up, that a part of a plan can't be made.
    pub async fn fail(
        &self,
        tx: &mut Tx,
        (video, generation): (VideoId, u32),
        work: &Work,
        code: &str,
        message: &str,
    ) -> Result<(), DbError> {
        let reason = Reason {
            code: code.to_owned(),
            message: message.to_owned(),
        };
        failing::fail(tx, (video, generation), work, &reason, self.clock.now()).await
    }

    /// The keys of objects that a plan's renditions need, as rendition, piece and fence.
    pub async fn referenced(&self, video: VideoId, generation: u32) -> Result<Vec<(RenditionName, i64, i64)>, DbError> {
        self.plans.referenced(video, generation).await
    }

    /// The generations of a video that keep their objects.
    pub async fn generations(&self, video: VideoId) -> Result<Vec<u32>, DbError> {
        self.plans.generations(video).await
    }

    /// Deletes plans older than a complete one.
    pub async fn forget_before(&self, video: VideoId, generation: u32) -> Result<(), DbError> {
        self.plans.forget_before(video, generation).await
    }
}

fn outcome(finding: &Finding<'_>, rungs: &[u32]) -> Outcome {
    let failed = |code: &str, message: String| Outcome::Failed {
        reason: Reason {
            code: code.to_owned(),
            message,
        },
    };
    match finding {
        Finding::Playable(probe, index) => Outcome::Playable {
            source: Source::of(probe, Some(index.head())),
            plan: Box::new(plan_below_source(probe, index, rungs)),
        },
        Finding::Recorded(picture) => Outcome::Recorded {
            plan: Box::new(picture.map_or_else(Plan::none, |picture| plan_of_recording(picture, rungs))),
        },
        Finding::Surveyed(survey) => {
            let plan = plan_of_survey(survey, rungs);
            if plan.is_empty() {
                return failed("media_empty", "there is no audio or video in this file".to_owned());
            }
            Outcome::Planned {
                source: Source::surveyed(survey),
                plan: Box::new(plan),
            }
        }
        Finding::Unusable(code, message) => failed(code, (*message).to_owned()),
        Finding::Obstacle(probe, obstacle) => Outcome::NeedsTranscoding {
            source: Some(Source::of(probe, None)),
            reason: needs_transcoding(Some(&obstacle.to_string())),
            obstacle: obstacle.code().to_owned(),
            tracks: Some(ScannedTracks::of(probe)),
        },
        Finding::OtherContainer(sniff) if sniff.is_media() => Outcome::NeedsTranscoding {
            source: Some(Source::unread(sniff.container())),
            reason: needs_transcoding(Some(&format!("the file is {}, not MP4", sniff.container()))),
            obstacle: "container".to_owned(),
            tracks: None,
        },
        Finding::OtherContainer(_) => failed("unsupported_media", "the file holds no audio or video".to_owned()),
        Finding::Broken(error) => failed(error.code(), error.to_string()),
        Finding::Missing => failed("media_missing", "the stored file is gone".to_owned()),
        Finding::Unreadable => failed(
            "scan_failed",
            "the file could not be examined; upload it again".to_owned(),
        ),
    }
}

fn needs_transcoding(why: Option<&str>) -> Reason {
    let mut message = "it has to be encoded again before it can be watched".to_owned();
    if let Some(why) = why {
        message = format!("{message}: {why}");
    }
    Reason {
        code: "needs_transcoding".to_owned(),
        message,
    }
}
