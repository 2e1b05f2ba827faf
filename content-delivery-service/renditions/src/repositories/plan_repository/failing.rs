//! Failures: parts of plans that were given up.

use super::lecture_row::{lock, refresh};
use super::tallies::tallies;
use crate::models::lecture::Reason;
use crate::models::plan::Work;
use crate::models::publication::has_hope;
use crate::repositories::plan_rows;
use backing::db::{DbError, Tx};
use backing::{args, outbox, tasks};
use contracts::events::VideoFailed;
use contracts::{NewEvent, RenditionName, Timestamp, VideoId};

/// Records why a rendition failed.
pub(super) async fn mark(
    tx: &mut Tx,
    (video, generation): (VideoId, u32),
    name: &RenditionName,
    reason: &Reason,
) -> Result<(), DbError> {
    let sql = "UPDATE renditions SET failure_code = $4, failure_message = $5 \
               WHERE video_id = $1 AND generation = $2 AND name = $3";
    tx.run(sql, args![video, generation, name, &reason.code, &reason.message])
        .await?;
    // A redo as well: the existing renditions stay, and their owner learns why they are not replaced.
    let sql = "UPDATE videos SET reason_code = $2, reason_message = $3 WHERE id = $1";
    tx.run(sql, args![video, &reason.code, &reason.message]).await?;
    Ok(())
}

/// The rungs that lack a piece: its work may have published it for the others before it failed.
async fn lacking(
    tx: &mut Tx,
    (video, generation): (VideoId, u32),
    number: u32,
    rungs: &[RenditionName],
) -> Result<Vec<RenditionName>, DbError> {
    let sql = "SELECT rendition FROM pieces WHERE video_id = $1 AND generation = $2 AND piece = $3";
    let there: Vec<(RenditionName,)> = tx.all(sql, args![video, generation, number]).await?;
    let lacks = |rung: &&RenditionName| !there.iter().any(|(name,)| name == *rung);
    Ok(rungs.iter().filter(lacks).cloned().collect())
}

/// Records that a part of a plan was given up, in the transaction that gives its task up.
///
/// A lecture that can no longer become complete fails as a whole, and its other tasks are cancelled.
pub async fn fail(
    tx: &mut Tx,
    (video, generation): (VideoId, u32),
    work: &Work,
    reason: &Reason,
    now: Timestamp,
) -> Result<(), DbError> {
    let Some(locked) = lock(tx, video, now).await? else {
        return Ok(());
    };
    let Some(plan) = plan_rows::find(tx, video, generation).await? else {
        return Ok(());
    };
    let sql = "DELETE FROM encodings WHERE video_id = $1 AND generation = $2 AND work = $3";
    tx.run(
        sql,
        args![video, generation, serde_json::to_string(work).unwrap_or_default()],
    )
    .await?;
    let names = match work {
        Work::Audio(n) => plan.sound(*n).map(|sound| sound.name.clone()).into_iter().collect(),
        Work::Piece { number, rungs } => lacking(tx, (video, generation), *number, rungs).await?,
    };
    for name in names {
        mark(tx, (video, generation), &name, reason).await?;
    }
    refresh(tx, (video, generation), &locked, now).await?;
    let tallies = tallies(tx, video, generation).await?;
    let hope = plan.source.is_some() || has_hope(&plan, |name| tallies.get(name).cloned().unwrap_or_default());
    if !hope && locked.generation == i64::from(generation) {
        // Even if it can be watched up to the failure: it will never be complete.
        let sql = "UPDATE videos SET status = 'failed' WHERE id = $1 AND status IN ('processing', 'playable')";
        if tx.run(sql, args![video]).await? == 1 {
            tasks::cancel_living(tx, video.0, now).await?;
            let event = VideoFailed {
                owner_id: locked.owner_id,
                reason: reason.code.clone(),
            };
            outbox::push(tx, &NewEvent::of_video(video, event.into()), now).await?;
        }
    }
    Ok(())
}
