//! Deletions: above the other repositories, each of which forgets its own part of a lecture.

use crate::repositories::playback::playback_repository;
use crate::repositories::uploads::upload_repository;
use backing::audit::{self, NewEntry};
use backing::db::{Db, DbError, Tx};
use backing::{args, once, outbox, record, tasks};
use broadcasts::repositories::broadcast_repository;
use contracts::events::VideoDeleted;
use contracts::{NewEvent, Timestamp, UserId, VideoId};
use renditions::models::lecture::Reason;
use renditions::repositories::plan_repository;
use renditions::tasks::{ScanTask, SweepPass, SweepTask};
use std::time::Duration;
use watching::repositories::watch_repository;

/// How long after a deletion its objects are looked for again: a writer that began before it may still have been putting
/// one in its place.
pub(crate) const SECOND_SWEEP: Duration = Duration::from_secs(2);
/// How long after a deletion they are looked for once more: a worker may have died with one on its way.
const LATE_SWEEP: Duration = Duration::from_secs(120);

/// Deletes lectures in the database.
#[derive(Clone)]
pub struct DeletionRepository {
    db: Db,
}

record! {
    struct Doomed {
        owner_id: UserId,
        policy_version: i64,
    }
}

impl DeletionRepository {
    /// A repository on content's schema.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// Deletes a lecture: from now on no byte of it is served, and its writers are fenced off.
    ///
    /// Shape: `false` if it was gone already
    pub async fn delete(&self, id: VideoId, audit: Option<&NewEntry>, now: Timestamp) -> Result<bool, DbError> {
        let mut tx = self.db.write().await?;
        let deleted = delete_in(&mut tx, id, None, now).await?;
        if let Some(entry) = audit.filter(|_| deleted) {
            audit::record(&mut tx, entry, now).await?;
        }
        tx.commit().await?;
        Ok(deleted)
    }

    /// Deletes a lecture whose upload has expired, unless somebody has continued it since.
    ///
    /// Shape: `false` if it was continued or is gone
    pub async fn expire(&self, id: VideoId, reason: &Reason, now: Timestamp) -> Result<bool, DbError> {
        let mut tx = self.db.write().await?;
        if !upload_repository::is_expired(&mut tx, id, now).await? {
            return Ok(false);
        }
        let deleted = delete_in(&mut tx, id, Some(reason), now).await?;
        tx.commit().await?;
        Ok(deleted)
    }

    /// Removes the rows of an upload that never became a lecture; the request that began it can be repeated.
    pub async fn discard(&self, id: VideoId, now: Timestamp) -> Result<(), DbError> {
        let mut tx = self.db.write().await?;
        let sql = "SELECT owner_id, policy_version FROM videos WHERE id = $1 AND status = 'uploading'";
        let Some(video) = tx.one::<Doomed>(sql, args![id]).await? else {
            return Ok(());
        };
        upload_repository::remove(&mut tx, id).await?;
        tx.run("DELETE FROM videos WHERE id = $1", args![id]).await?;
        once::release(&mut tx, id.into()).await?;
        let gone = VideoDeleted {
            owner_id: video.owner_id,
            policy_version: video.policy_version + 1,
        };
        outbox::push(&mut tx, &NewEvent::of_video(id, gone.into()), now).await?;
        tx.commit().await
    }

    /// Notes that nothing of a deleted lecture is left in the store, and removes personal data from its record.
    ///
    /// Shape: `false` if that was noted before
    pub async fn mark_swept(&self, id: VideoId, now: Timestamp) -> Result<bool, DbError> {
        let mut tx = self.db.write().await?;
        let sql = "UPDATE videos SET swept_at = $1, title = '', description = '', filename = NULL, media = NULL \
                   WHERE id = $2 AND status = 'deleted' AND swept_at IS NULL";
        let first = tx.run(sql, args![now, id]).await?;
        upload_repository::forget_source(&mut tx, id).await?;
        tx.commit().await?;
        Ok(first > 0)
    }
}

/// Writes the deletion record, fences writers off, enqueues the sweep and writes the event.
async fn delete_in(tx: &mut Tx, id: VideoId, reason: Option<&Reason>, now: Timestamp) -> Result<bool, DbError> {
    let sql = "UPDATE videos SET status = 'deleted', policy_version = policy_version + 1, changes = changes + 1, \
               deleted_at = $2, updated_at = $2, reason_code = $3, reason_message = $4 \
               WHERE id = $1 AND status <> 'deleted' RETURNING owner_id, policy_version";
    let code = reason.map(|reason| reason.code.clone());
    let message = reason.map(|reason| reason.message.clone());
    let Some(video) = tx.one::<Doomed>(sql, args![id, now, code, message]).await? else {
        return Ok(false);
    };
    upload_repository::forget(tx, id, now).await?;
    tasks::cancel(tx, &ScanTask { video_id: id }.key(), now).await?;
    tasks::cancel_subject(tx, id.0, now).await?;
    plan_repository::forget(tx, id).await?;
    broadcast_repository::forget(tx, id, now).await?;
    playback_repository::forget(tx, id, now).await?;
    watch_repository::forget(tx, id).await?;
    for (pass, run_after) in [
        (SweepPass::First, now),
        (SweepPass::Second, now + SECOND_SWEEP),
        (SweepPass::Late, now + LATE_SWEEP),
    ] {
        let sweep = SweepTask { video_id: id }.task(pass, video.owner_id, run_after);
        tasks::enqueue(tx, &sweep).await?;
    }
    let event = VideoDeleted {
        owner_id: video.owner_id,
        policy_version: video.policy_version,
    };
    outbox::push(tx, &NewEvent::of_video(id, event.into()), now).await?;
    Ok(true)
}
