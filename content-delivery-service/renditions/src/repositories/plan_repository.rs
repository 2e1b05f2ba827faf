//! Plans and their pieces, written behind their tasks' fences. Publication, failure, progress and requests have a module
//! each.

use crate::models::description::of_plan;
use crate::models::plan::{Plan, Work};
use crate::models::publication::Tally;
use crate::repositories::descriptions;
use crate::tasks::EncodeTask;
use backing::args;
use backing::db::{Db, DbError, Tx};
use backing::tasks;
use contracts::{RenditionName, Timestamp, UserId, VideoId};
use serde_json::json;

pub mod failing;
mod lecture_row;
pub mod progress;
mod publishing;
pub mod request;
mod tallies;

/// Plans in the content database.
#[derive(Clone)]
pub struct PlanRepository {
    db: Db,
}

impl PlanRepository {
    /// Works on the content database.
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// A plan of a video.
    pub async fn find(&self, video: VideoId, generation: u32) -> Result<Option<Plan>, DbError> {
        let sql = "SELECT plan FROM plans WHERE video_id = $1 AND generation = $2";
        let text = self.db.read().one::<(String,)>(sql, args![video, generation]).await?;
        Ok(text.and_then(|(text,)| serde_json::from_str(&text).ok()))
    }

    /// The published pieces of a rendition up to the first gap, and the packets or frames in them.
    pub async fn published(
        &self,
        video: VideoId,
        generation: u32,
        rendition: &RenditionName,
    ) -> Result<Vec<(i64, i64)>, DbError> {
        let sql = "SELECT piece, frames FROM pieces WHERE video_id = $1 AND generation = $2 AND rendition = $3 \
                   ORDER BY piece";
        let rows = self
            .db
            .read()
            .all::<(i64, i64)>(sql, args![video, generation, rendition])
            .await?;
        let contiguous = (0..).zip(rows).take_while(|(place, (piece, _))| place == piece);
        Ok(contiguous.map(|(_, row)| row).collect())
    }

    /// The renditions of a plan that have not failed and lack a piece.
    pub async fn lacking(&self, video: VideoId, generation: u32, piece: u32) -> Result<Vec<RenditionName>, DbError> {
        let sql = "SELECT name FROM renditions WHERE video_id = $1 AND generation = $2 AND failure_code IS NULL \
                   AND NOT EXISTS (SELECT 1 FROM pieces WHERE pieces.video_id = renditions.video_id \
                   AND pieces.generation = renditions.generation AND rendition = name AND piece = $3)";
        let rows = self
            .db
            .read()
            .all::<(RenditionName,)>(sql, args![video, generation, piece])
            .await?;
        Ok(rows.into_iter().map(|(name,)| name).collect())
    }

    /// The objects of a plan: rendition, piece and fence of each.
    pub async fn referenced(&self, video: VideoId, generation: u32) -> Result<Vec<(RenditionName, i64, i64)>, DbError> {
        let sql = "SELECT rendition, piece, fence FROM pieces WHERE video_id = $1 AND generation = $2";
        self.db.read().all(sql, args![video, generation]).await
    }

    /// The generations of a video that players may still use.
    pub async fn generations(&self, video: VideoId) -> Result<Vec<u32>, DbError> {
        let sql = "SELECT generation FROM plans WHERE video_id = $1 ORDER BY generation";
        let rows = self.db.read().all::<(i64,)>(sql, args![video]).await?;
        Ok(rows
            .into_iter()
            .filter_map(|(generation,)| u32::try_from(generation).ok())
            .collect())
    }

    /// Deletes plans older than a generation that is complete.
    pub async fn forget_before(&self, video: VideoId, generation: u32) -> Result<(), DbError> {
        let mut tx = self.db.write().await?;
        for sql in [
            "DELETE FROM pieces WHERE video_id = $1 AND generation < $2",
            "DELETE FROM renditions WHERE video_id = $1 AND generation > 0 AND generation < $2",
            "DELETE FROM plans WHERE video_id = $1 AND generation < $2",
        ] {
            tx.run(sql, args![video, generation]).await?;
        }
        tx.commit().await
    }
}

/// Deletes all plans and pieces of a video, in the transaction that deletes the video.
pub async fn forget(tx: &mut Tx, video: VideoId) -> Result<(), DbError> {
    for sql in [
        "DELETE FROM pieces WHERE video_id = $1",
        "DELETE FROM renditions WHERE video_id = $1",
        "DELETE FROM encodings WHERE video_id = $1",
        "DELETE FROM plans WHERE video_id = $1",
    ] {
        tx.run(sql, args![video]).await?;
    }
    Ok(())
}

/// Writes a plan and enqueues all of its work.
pub async fn add(
    tx: &mut Tx,
    (video, generation): (VideoId, u32),
    owner: UserId,
    plan: &Plan,
    now: Timestamp,
) -> Result<(), DbError> {
    let sql = "INSERT INTO plans (video_id, generation, plan, created_at) VALUES ($1, $2, $3, $4)";
    tx.run(sql, args![video, generation, json!(plan), now]).await?;
    descriptions::describe_plan(tx, video, generation, &of_plan(plan)).await?;
    enqueue_missing(tx, (video, generation), owner, plan, now)
        .await
        .map(|_| ())
}

/// Enqueues the work of a plan that is neither published nor enqueued, and returns the number of new tasks.
pub async fn enqueue_missing(
    tx: &mut Tx,
    (video, generation): (VideoId, u32),
    owner: UserId,
    plan: &Plan,
    now: Timestamp,
) -> Result<u64, DbError> {
    let sql = "SELECT rendition, piece FROM pieces WHERE video_id = $1 AND generation = $2";
    let there: Vec<(RenditionName, i64)> = tx.all(sql, args![video, generation]).await?;
    let tallies = tallies::tallies(tx, video, generation).await?;
    let mut missing = Vec::new();
    for planned in plan.tasks() {
        let done = match &planned.work {
            Work::Audio(n) => plan
                .sound(*n)
                .is_none_or(|sound| tallies.get(&sound.name).is_some_and(Tally::is_complete)),
            Work::Piece { number, rungs } => rungs.iter().all(|rung| {
                there
                    .iter()
                    .any(|(name, piece)| name == rung && *piece == i64::from(*number))
            }),
        };
        if done {
            continue;
        }
        missing.push(EncodeTask::task((video, generation), planned, owner, now));
    }
    tasks::enqueue_all(tx, &missing).await
}

#[cfg(test)]
mod tests;
