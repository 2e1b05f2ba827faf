//! Requests of owners: to retry what failed of a lecture's renditions, or to encode all of them again.

use super::lecture_row::{Locked, refresh};
use super::{PlanRepository, add, enqueue_missing};
use crate::models::lecture::{Media, RenditionState, Status};
use crate::models::plan::Plan;
use crate::repositories::plan_rows;
use crate::tasks::{RecordingTask, ScanTask, SurveyTask};
use backing::audit::{self, NewEntry};
use backing::db::{DbError, Tx};
use backing::{args, outbox, tasks};
use contracts::events::VideoTranscodeRequested;
use contracts::{NewEvent, Timestamp, VideoId};

/// What the recording of a live lecture has for a container.
const RECORDING: &str = "live";

/// The result of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Requested {
    /// All missing work is enqueued; there may be none.
    Done,
    /// Its upload is not complete.
    NotUploaded,
    /// The lecture was deleted.
    Gone,
    /// The lecture lacks renditions of these names, given by their places in the request.
    Unknown(Vec<usize>),
}

impl PlanRepository {
    /// Enqueues what is missing of a lecture or, where it is ready and has renditions of these names, all of it again.
    ///
    /// If that changes anything, `audit` is recorded with it.
    pub async fn request(
        &self,
        video: VideoId,
        names: &[String],
        audit: Option<&NewEntry>,
        now: Timestamp,
    ) -> Result<Requested, DbError> {
        let mut tx = self.db.write().await?;
        // Changes nothing, and locks the row on both engines.
        let sql = "UPDATE videos SET version = version WHERE id = $1 AND status <> 'deleted' \
                   RETURNING owner_id, status, generation, media, duration_us, playable_at";
        let Some(locked) = tx.one::<Locked>(sql, args![video]).await? else {
            return Ok(Requested::Gone);
        };
        if locked.status == Status::Uploading.as_str() {
            return Ok(Requested::NotUploaded);
        }
        let latest = plan_rows::latest(&mut tx, video).await?;
        let unknown = unknown(names, &locked, latest.as_ref().map(|(_, plan)| plan));
        if !unknown.is_empty() {
            return Ok(Requested::Unknown(unknown));
        }
        let changed = match &latest {
            None => look_again(&mut tx, video, &locked, now).await?,
            Some((generation, plan)) if is_redo(&locked, *generation, plan, names) => {
                let next = (video, generation.saturating_add(1));
                add(&mut tx, next, locked.owner_id, plan, now).await?;
                true
            }
            Some((generation, plan)) => go_on(&mut tx, (video, *generation), &locked, plan, now).await?,
        };
        if changed {
            let sql = "UPDATE videos SET changes = changes + 1, updated_at = $2 WHERE id = $1";
            tx.run(sql, args![video, now]).await?;
            let owner_id = locked.owner_id;
            let event = NewEvent::of_video(video, VideoTranscodeRequested { owner_id }.into());
            outbox::push(&mut tx, &event, now).await?;
            if let Some(entry) = audit {
                audit::record(&mut tx, entry, now).await?;
            }
        }
        tx.commit().await?;
        Ok(Requested::Done)
    }
}

/// The places of names that no rendition has.
fn unknown(names: &[String], locked: &Locked, plan: Option<&Plan>) -> Vec<usize> {
    let shown = media(locked).renditions;
    let is_known = |name: &str| {
        shown.iter().any(|one| one.name == *name) || plan.is_some_and(|plan| plan.names().any(|made| *made == *name))
    };
    let places = names.iter().enumerate().filter(|(_, name)| !is_known(name));
    places.map(|(place, _)| place).collect()
}

fn media(locked: &Locked) -> Media {
    let text = locked.media.as_deref();
    text.and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default()
}

/// Whether the plan is complete and the request names one of its renditions.
fn is_redo(locked: &Locked, generation: u32, plan: &Plan, names: &[String]) -> bool {
    let complete = locked.status == Status::Ready.as_str() && locked.generation == i64::from(generation);
    let whole = media(locked)
        .renditions
        .iter()
        .all(|one| one.state == RenditionState::Ready);
    complete && whole && names.iter().any(|name| plan.names().any(|made| *made == **name))
}

/// Enqueues again what failed of a plan or was cancelled with it; false if there is no such work.
async fn go_on(
    tx: &mut Tx,
    (video, generation): (VideoId, u32),
    locked: &Locked,
    plan: &Plan,
    now: Timestamp,
) -> Result<bool, DbError> {
    let revived = tasks::revive_subject(tx, video.0, now).await?;
    let sql = "UPDATE renditions SET failure_code = NULL, failure_message = NULL \
               WHERE video_id = $1 AND generation = $2 AND failure_code IS NOT NULL";
    let forgiven = tx.run(sql, args![video, generation]).await?;
    let added = enqueue_missing(tx, (video, generation), locked.owner_id, plan, now).await?;
    let failed = locked.status == Status::Failed.as_str();
    if revived + forgiven + added == 0 && !failed {
        return Ok(false);
    }
    if locked.generation == i64::from(generation) {
        // It waits, unless its published pieces suffice.
        let sql = "UPDATE videos SET status = 'processing', reason_code = $2, reason_message = $3 \
                   WHERE id = $1 AND status IN ('failed', 'processing')";
        let why = "it has to be encoded again before it can be watched";
        tx.run(sql, args![video, "needs_transcoding", why]).await?;
        refresh(tx, (video, generation), locked, now).await?;
    } else {
        let sql = "UPDATE videos SET reason_code = NULL, reason_message = NULL WHERE id = $1";
        tx.run(sql, args![video]).await?;
    }
    Ok(true)
}

/// Enqueues another scan of a source without a plan; false if a scan or a survey is under way.
async fn look_again(tx: &mut Tx, video: VideoId, locked: &Locked, now: Timestamp) -> Result<bool, DbError> {
    let revived = tasks::revive_subject(tx, video.0, now).await?;
    let surveyed = tasks::is_enqueued(tx, &SurveyTask::key(video)).await?;
    let sql = "SELECT container FROM videos WHERE id = $1";
    let container: Option<(Option<String>,)> = tx.one(sql, args![video]).await?;
    let look = match container {
        Some((Some(container),)) if container == RECORDING => {
            RecordingTask { video_id: video }.task(locked.owner_id, now)
        }
        _ => ScanTask { video_id: video }.task(locked.owner_id, now),
    };
    let added = !surveyed && tasks::enqueue(tx, &look).await?;
    let sql = "UPDATE videos SET status = 'processing', reason_code = NULL, reason_message = NULL \
               WHERE id = $1 AND status = 'failed'";
    let failed = tx.run(sql, args![video]).await?;
    Ok(added || revived + failed > 0)
}
