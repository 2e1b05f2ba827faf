//! What scans and encoders find out, written behind their task's fence.

use crate::models::outcome::{Outcome, Recorded};
use crate::models::video::{Media, Reason};
use backing::db::{Db, DbError, Tx};
use backing::tasks::Task;
use backing::{args, outbox, record};
use contracts::events::{VideoFailed, VideoNeedsTranscoding, VideoPlayable, VideoReady};
use contracts::{NewEvent, Timestamp, UserId, VideoId};

/// Outcomes in the content database.
#[derive(Clone)]
pub(crate) struct TranscodeRepository {
    db: Db,
}

record! {
    struct OwnerRow {
        owner_id: UserId,
    }
}

impl TranscodeRepository {
    /// Works on the content database.
    pub(crate) fn new(db: Db) -> Self {
        Self { db }
    }

    /// Writes an outcome, its events and the task's end, all or nothing.
    pub(crate) async fn record(
        &self,
        video: VideoId,
        outcome: &Outcome,
        task: &Task,
        now: Timestamp,
    ) -> Result<Recorded, DbError> {
        let mut tx = self.db.write().await?;
        if !task.finish_in(&mut tx).await? {
            return Ok(Recorded::Overtaken);
        }
        let recorded = write_with_events(&mut tx, video, outcome, now).await?;
        tx.commit().await?;
        Ok(recorded)
    }
}

/// Writes an outcome and its events in the caller's transaction.
pub(crate) async fn write_with_events(
    tx: &mut Tx,
    video: VideoId,
    outcome: &Outcome,
    now: Timestamp,
) -> Result<Recorded, DbError> {
    let sql = "SELECT owner_id FROM videos WHERE id = $1 AND status = 'processing'";
    let Some(OwnerRow { owner_id }) = tx.one(sql, args![video]).await? else {
        return Ok(Recorded::Gone);
    };
    if !write(tx, video, outcome, now).await? {
        return Ok(Recorded::Gone);
    }
    for event in events(owner_id, outcome) {
        outbox::push(tx, &NewEvent::of_video(video, event), now).await?;
    }
    Ok(Recorded::Done)
}

async fn write(tx: &mut Tx, video: VideoId, outcome: &Outcome, now: Timestamp) -> Result<bool, DbError> {
    let (status, playable_at, source, reason) = match outcome {
        Outcome::Playable { source } => ("ready", Some(now), Some(source), None),
        Outcome::NeedsTranscoding { source, reason, .. } => ("processing", None, source.as_ref(), Some(reason)),
        Outcome::Failed { reason } => ("failed", None, None, Some(reason)),
    };
    let changed = tx
        .run(
            "UPDATE videos SET status = $1, playable_at = $2, ready_at = $2, reason_code = $3, reason_message = $4, \
             container = COALESCE($5, container), duration_us = $6, media = $7, version = version + 1, updated_at = $8 \
             WHERE id = $9 AND status = 'processing'",
            args![
                status,
                playable_at,
                reason.map(|reason: &Reason| reason.code.clone()),
                reason.map(|reason| reason.message.clone()),
                source.map(|source| source.container.clone()),
                source.and_then(|source| source.duration_us),
                source.and_then(|source| text(&source.media)),
                now,
                video
            ],
        )
        .await?;
    Ok(changed > 0)
}

fn text(media: &Media) -> Option<String> {
    serde_json::to_string(media).ok()
}

fn events(owner_id: UserId, outcome: &Outcome) -> Vec<contracts::EventData> {
    match outcome {
        Outcome::Playable { source } => {
            let micros = source.duration_us.unwrap_or_default().unsigned_abs();
            let duration = std::time::Duration::from_micros(micros).as_secs_f64();
            vec![
                VideoPlayable { owner_id, duration }.into(),
                VideoReady { owner_id }.into(),
            ]
        }
        Outcome::NeedsTranscoding { obstacle, .. } => {
            vec![
                VideoNeedsTranscoding {
                    owner_id,
                    obstacle: obstacle.clone(),
                }
                .into(),
            ]
        }
        Outcome::Failed { reason } => vec![
            VideoFailed {
                owner_id,
                reason: reason.code.clone(),
            }
            .into(),
        ],
    }
}

#[cfg(test)]
mod tests;
