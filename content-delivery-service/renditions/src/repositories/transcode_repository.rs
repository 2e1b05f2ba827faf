//! Results of scans and surveys, written behind their task's fence.

use crate::models::description::{Description, of_plan, of_source};
use crate::models::lecture::{Media, Reason, Status};
use crate::models::outcome::{Outcome, Recorded, Source};
use crate::models::publication::{Tally, shown};
use crate::repositories::{descriptions, plan_repository};
use crate::tasks::SurveyTask;
use backing::db::{Db, DbError, Tx};
use backing::tasks::{self, Task};
use backing::{args, outbox, record};
use contracts::events::{VideoFailed, VideoNeedsTranscoding, VideoPlayable, VideoReady};
use contracts::{NewEvent, Timestamp, UserId, VideoId};

/// Outcomes in the content database.
#[derive(Clone)]
pub struct TranscodeRepository {
    db: Db,
}

record! {
    struct Before {
        owner_id: UserId,
        status: String,
        media: Option<String>,
        container: Option<String>,
        duration_us: Option<i64>,
        playable_at: Option<Timestamp>,
    }
}

impl TranscodeRepository {
    /// Works on the content database.
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// Writes an outcome, its events and the task's end, all or nothing.
    pub async fn record(
        &self,
        video: VideoId,
        outcome: &Outcome,
        task: &Task,
        now: Timestamp,
    ) -> Result<Recorded, DbError> {
        let mut tx = self.db.write().await?;
        // The video before the task, in the order of a deletion: they would wait for each other otherwise.
        let recorded = write_with_events(&mut tx, video, outcome, now).await?;
        if !task.finish_in(&mut tx).await? {
            return Ok(Recorded::Overtaken);
        }
        tx.commit().await?;
        Ok(recorded)
    }
}

impl TranscodeRepository {
    /// Notes why a lecture waits, unless that is noted already.
    pub async fn wait(&self, video: VideoId, reason: &Reason, now: Timestamp) -> Result<(), DbError> {
        if self.reason_of(video).await? == Some(Some(reason.code.clone())) {
            return Ok(());
        }
        // A lecture that can be watched keeps the reason why a rendition failed.
        let wait = "UPDATE videos SET reason_code = $2, reason_message = $3, changes = changes + 1, updated_at = $4 \
            WHERE id = $1 AND (status = 'processing' OR (status = 'playable' AND reason_code IS NULL))";
        let mut tx = self.db.write().await?;
        tx.run(wait, args![video, &reason.code, &reason.message, now]).await?;
        tx.commit().await
    }

    /// Ends the wait for the reason of this code; a lecture that can't be watched yet waits for another reason then.
    pub async fn go_on(&self, video: VideoId, code: &str, next: &Reason, now: Timestamp) -> Result<(), DbError> {
        if self.reason_of(video).await? != Some(Some(code.to_owned())) {
            return Ok(());
        }
        let go_on = "UPDATE videos SET changes = changes + 1, updated_at = $5, \
            reason_code = CASE WHEN status = 'processing' THEN $3 END, \
            reason_message = CASE WHEN status = 'processing' THEN $4 END WHERE id = $1 AND reason_code = $2";
        let mut tx = self.db.write().await?;
        tx.run(go_on, args![video, code, &next.code, &next.message, now])
            .await?;
        tx.commit().await
    }

    async fn reason_of(&self, video: VideoId) -> Result<Option<Option<String>>, DbError> {
        let sql = "SELECT reason_code FROM videos WHERE id = $1";
        let row: Option<(Option<String>,)> = self.db.read().one(sql, args![video]).await?;
        Ok(row.map(|(code,)| code))
    }
}

/// Locks a video's row in the caller's transaction, with an update of nothing.
pub async fn lock(tx: &mut Tx, video: VideoId) -> Result<(), DbError> {
    let sql = "UPDATE videos SET changes = changes WHERE id = $1";
    tx.run(sql, args![video]).await?;
    Ok(())
}

/// Writes an outcome and its events in the caller's transaction.
pub async fn write_with_events(
    tx: &mut Tx,
    video: VideoId,
    outcome: &Outcome,
    now: Timestamp,
) -> Result<Recorded, DbError> {
    // An update of nothing locks the row, so that no deletion comes between this and what is written below.
    let sql = "UPDATE videos SET changes = changes WHERE id = $1 AND status IN ('processing', 'playable', 'ready') \
               RETURNING owner_id, status, media, container, duration_us, playable_at";
    let Some(before) = tx.one::<Before>(sql, args![video]).await? else {
        return Ok(Recorded::Gone);
    };
    let owner_id = before.owner_id;
    let recorded = recorded(outcome, &before);
    let outcome = recorded.as_ref().unwrap_or(outcome);
    if matches!(outcome, Outcome::Recorded { .. }) {
        return Ok(Recorded::Gone);
    }
    descriptions::describe_source(tx, video, &own(outcome)).await?;
    let mut generation = 0;
    if let Outcome::Playable { plan, .. } | Outcome::Planned { plan, .. } = outcome
        && !plan.is_empty()
    {
        generation = next_generation(tx, video).await?;
        plan_repository::add(tx, (video, generation), owner_id, plan, now).await?;
    }
    if let Outcome::NeedsTranscoding { tracks, .. } = outcome {
        let survey = SurveyTask {
            video_id: video,
            tracks: tracks.clone(),
        };
        tasks::enqueue(tx, &survey.task(owner_id, now)).await?;
    }
    write(tx, (video, generation), &before, outcome, now).await?;
    for event in events(&before, outcome) {
        outbox::push(tx, &NewEvent::of_video(video, event), now).await?;
    }
    Ok(Recorded::Done)
}

/// What becomes of a recording: it is played as it was published, beside what is encoded of it.
fn recorded(outcome: &Outcome, before: &Before) -> Option<Outcome> {
    let Outcome::Recorded { plan } = outcome else {
        return None;
    };
    let media = before.media.as_deref();
    let source = Source {
        container: before.container.clone()?,
        duration_us: before.duration_us,
        media: serde_json::from_str(media?).ok()?,
    };
    let plan = plan.clone();
    Some(Outcome::Playable { source, plan })
}

async fn next_generation(tx: &mut Tx, video: VideoId) -> Result<u32, DbError> {
    let sql = "SELECT MAX(generation) AS generation FROM plans WHERE video_id = $1";
    let last: Option<(Option<i64>,)> = tx.one(sql, args![video]).await?;
    let last = last.and_then(|(generation,)| generation).unwrap_or(0);
    Ok(u32::try_from(last).unwrap_or(0).saturating_add(1))
}

async fn write(
    tx: &mut Tx,
    (video, generation): (VideoId, u32),
    before: &Before,
    outcome: &Outcome,
    now: Timestamp,
) -> Result<(), DbError> {
    let (status, source, reason) = match outcome {
        Outcome::Playable { source, plan } if plan.is_empty() => ("ready", Some(source), None),
        Outcome::Playable { source, .. } => ("playable", Some(source), None),
        Outcome::Planned { source, .. } => ("processing", Some(source), None),
        Outcome::NeedsTranscoding { source, reason, .. } => ("processing", source.as_ref(), Some(reason)),
        Outcome::Failed { reason } => ("failed", None, Some(reason)),
        // it stands for another outcome, which is written in its place
        Outcome::Recorded { .. } => return Ok(()),
    };
    let planned = matches!(outcome, Outcome::Planned { .. });
    let playable = matches!(outcome, Outcome::Playable { .. });
    let media = source.and_then(|source| text(&with_renditions(source, outcome, before)));
    // A scan's findings stay if a survey has none of its own. A planned lecture keeps the reason why it waits.
    tx.run(
        "UPDATE videos SET status = $1, changes = changes + 1, updated_at = $2, generation = $3, \
         reason_code = CASE WHEN $4 THEN reason_code ELSE $5 END, \
         reason_message = CASE WHEN $4 THEN reason_message ELSE $6 END, \
         container = COALESCE($7, container), duration_us = COALESCE($8, duration_us), media = COALESCE($9, media), \
         playable_at = CASE WHEN $10 THEN COALESCE(playable_at, $2) END, \
         ready_at = CASE WHEN $1 = 'ready' THEN COALESCE(ready_at, $2) END \
         WHERE id = $11",
        args![
            status,
            now,
            generation,
            planned,
            reason.map(|reason: &Reason| reason.code.clone()),
            reason.map(|reason| reason.message.clone()),
            source.map(|source| source.container.clone()),
            source.and_then(|source| source.duration_us),
            media,
            playable,
            video
        ],
    )
    .await?;
    Ok(())
}

/// The source's tracks, all renditions that there will be, and the notes: a survey adds to those of the scan before it.
fn with_renditions(source: &Source, outcome: &Outcome, before: &Before) -> Media {
    let mut media = source.media.clone();
    if let Outcome::Planned { .. } = outcome {
        let scanned = before.media.as_deref();
        let scanned = scanned.and_then(|text| serde_json::from_str::<Media>(text).ok());
        media.notes.extend(scanned.unwrap_or_default().notes);
        media.notes.dedup();
    }
    if let Outcome::Playable { plan, .. } | Outcome::Planned { plan, .. } = outcome {
        media.renditions = shown(&own(outcome), &of_plan(plan), |_| Tally::default());
    }
    media
}

/// The renditions that are cut from the source without encoding, if there are any.
fn own(outcome: &Outcome) -> Vec<Description> {
    match outcome {
        Outcome::Playable { source, plan } => {
            let stands_in = plan.source.as_ref().is_some_and(|source| !source.stays);
            of_source(&source.media, &source.media.renditions, stands_in)
        }
        Outcome::Recorded { .. }
        | Outcome::Planned { .. }
        | Outcome::NeedsTranscoding { .. }
        | Outcome::Failed { .. } => Vec::new(),
    }
}

fn text(media: &Media) -> Option<String> {
    serde_json::to_string(media).ok()
}

fn events(before: &Before, outcome: &Outcome) -> Vec<contracts::EventData> {
    let owner_id = before.owner_id;
    match outcome {
        Outcome::Playable { source, plan } => {
            let micros = source.duration_us.unwrap_or_default().unsigned_abs();
            let duration = std::time::Duration::from_micros(micros).as_secs_f64();
            let playable = before
                .playable_at
                .is_none()
                .then(|| VideoPlayable { owner_id, duration }.into());
            let ready = plan.is_empty() && before.status != Status::Ready.as_str();
            let ready = ready.then(|| VideoReady { owner_id }.into());
            playable.into_iter().chain(ready).collect()
        }
        Outcome::Recorded { .. } | Outcome::Planned { .. } => Vec::new(),
        Outcome::NeedsTranscoding { obstacle, .. } => {
            let obstacle = obstacle.clone();
            vec![VideoNeedsTranscoding { owner_id, obstacle }.into()]
        }
        Outcome::Failed { reason } => {
            let reason = reason.code.clone();
            vec![VideoFailed { owner_id, reason }.into()]
        }
    }
}

#[cfg(test)]
mod tests;
