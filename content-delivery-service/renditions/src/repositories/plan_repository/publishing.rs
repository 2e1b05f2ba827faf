//! Publication: writes the rows of stored pieces, and what follows from them for the lecture.

use super::PlanRepository;
use super::failing;
use super::lecture_row::{lock, refresh};
use crate::models::plan::Work;
use crate::models::publication::{NewPiece, Publication, Published};
use backing::db::{DbError, Tx};
use backing::tasks::Task;
use backing::{args, record};
use contracts::{Timestamp, VideoId};
use serde_json::json;

record! {
    struct InitRow {
        init: Option<Vec<u8>>,
    }
}

impl PlanRepository {
    /// Records how far a task's encoder is; false if the task is not the worker's any more.
    pub async fn report(
        &self,
        video: VideoId,
        generation: u32,
        work: &Work,
        task: &Task,
        (ticks, now): (u64, Timestamp),
    ) -> Result<bool, DbError> {
        let mut tx = self.db.write().await?;
        if !task.is_held_in(&mut tx).await? {
            return Ok(false);
        }
        let sql = "UPDATE plans SET started_at = $3 WHERE video_id = $1 AND generation = $2 AND started_at IS NULL";
        tx.run(sql, args![video, generation, now]).await?;
        let sql = "INSERT INTO encodings (task_id, video_id, generation, work, ticks, updated_at) \
                   VALUES ($1, $2, $3, $4, $5, $6) \
                   ON CONFLICT (task_id) DO UPDATE SET ticks = excluded.ticks, updated_at = excluded.updated_at";
        let ticks = i64::try_from(ticks).unwrap_or(i64::MAX);
        let work = serde_json::to_string(work).unwrap_or_default();
        tx.run(sql, args![task.id, video, generation, work, ticks, now]).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Publishes pieces: writes their rows, the lecture's renditions and status, its events and, if asked, the task's end.
    pub async fn publish(&self, publication: &Publication, task: &Task, now: Timestamp) -> Result<Published, DbError> {
        let mut tx = self.db.write().await?;
        let (video, generation) = (publication.video, publication.generation);
        // The video before the task, in the order of a deletion: they would wait for each other otherwise.
        let Some(locked) = lock(&mut tx, video, now).await? else {
            return Ok(Published::Overtaken);
        };
        let held = if publication.finish {
            task.finish_in(&mut tx).await?
        } else {
            task.holds_in(&mut tx).await?
        };
        if !held {
            return Ok(Published::Overtaken);
        }
        let sql = "DELETE FROM encodings WHERE task_id = $1";
        tx.run(sql, args![task.id]).await?;
        for piece in &publication.pieces {
            if !take_init(&mut tx, publication, piece).await? {
                return Ok(Published::OtherParameters {
                    rendition: piece.rendition.clone(),
                });
            }
            insert(&mut tx, publication, piece, task.fence, now).await?;
        }
        for (name, reason) in &publication.failed {
            failing::mark(&mut tx, (video, generation), name, reason).await?;
        }
        refresh(&mut tx, (video, generation), &locked, now).await?;
        tx.commit().await?;
        Ok(Published::Done)
    }
}

/// Stores the rendition's init segment, or compares it with the stored one; false if they differ.
async fn take_init(tx: &mut Tx, publication: &Publication, piece: &NewPiece) -> Result<bool, DbError> {
    let (video, generation) = (publication.video, publication.generation);
    let sql = "SELECT init FROM renditions WHERE video_id = $1 AND generation = $2 AND name = $3";
    let known: Option<InitRow> = tx.one(sql, args![video, generation, &piece.rendition]).await?;
    match known.and_then(|row| row.init) {
        Some(init) => Ok(init == piece.init),
        None => {
            let sql = "UPDATE renditions SET init = $4, codecs = $5, timescale = $6 \
                       WHERE video_id = $1 AND generation = $2 AND name = $3";
            let values = args![
                video,
                generation,
                &piece.rendition,
                piece.init.clone(),
                &piece.codecs,
                piece.timescale
            ];
            Ok(tx.run(sql, values).await? == 1)
        }
    }
}

async fn insert(
    tx: &mut Tx,
    publication: &Publication,
    piece: &NewPiece,
    fence: i64,
    now: Timestamp,
) -> Result<(), DbError> {
    let sql = "INSERT INTO pieces (video_id, generation, rendition, piece, fence, first_segment, is_last, ticks, \
               bytes, frames, peak_bit_rate, segments, published_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
    let values = args![
        publication.video,
        publication.generation,
        &piece.rendition,
        piece.piece,
        fence,
        piece.first,
        piece.last,
        piece.ticks(),
        piece.bytes(),
        piece.frames,
        piece.peak_bit_rate(),
        json!(piece.segments),
        now
    ];
    tx.run(sql, values).await?;
    Ok(())
}
