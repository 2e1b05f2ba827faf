//! Plans and what is published of them, written behind their tasks' fences.

use crate::models::description::of_plan;
use crate::models::lecture::{Media, Reason, RenditionState, Status};
use crate::models::plan::{Plan, Work};
use crate::models::publication::{NewPiece, Publication, Published, Tally, shown};
use crate::repositories::descriptions;
use crate::tasks::{Encode, Tidy};
use backing::db::{Db, DbError, Tx};
use backing::tasks::{self, Task};
use backing::{args, outbox, record};
use contracts::events::{VideoFailed, VideoPlayable, VideoReady};
use contracts::{NewEvent, RenditionName, Timestamp, UserId, VideoId};
use serde_json::json;
use std::collections::HashMap;
use std::time::Duration;

pub mod progress;
pub mod request;

/// How long players of an older plan may go on with it: no playback token lives longer.
const OLD_PLAN_KEPT: Duration = Duration::from_secs(7 * 3_600);

/// Plans in the content database.
#[derive(Clone)]
pub struct PlanRepository {
    db: Db,
}

record! {
    struct PlanRow {
        plan: String,
    }
}

record! {
    struct TallyRow {
        rendition: RenditionName,
        pieces: i64,
        last: Option<i64>,
        ticks: i64,
        bytes: i64,
    }
}

record! {
    struct RenditionRow {
        name: RenditionName,
        codecs: Option<String>,
        failure_code: Option<String>,
        failure_message: Option<String>,
    }
}

record! {
    struct InitRow {
        init: Option<Vec<u8>>,
    }
}

record! {
    struct Locked {
        owner_id: UserId,
        status: String,
        generation: i64,
        media: Option<String>,
        duration_us: Option<i64>,
        playable_at: Option<Timestamp>,
    }
}

impl PlanRepository {
    /// Works on the content database.
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// A plan of a video.
    pub async fn find(&self, video: VideoId, generation: u32) -> Result<Option<Plan>, DbError> {
        let sql = "SELECT plan FROM plans WHERE video_id = $1 AND generation = $2";
        let row = self.db.read().one::<PlanRow>(sql, args![video, generation]).await?;
        Ok(row.and_then(|row| serde_json::from_str(&row.plan).ok()))
    }

    /// The pieces of a rendition that are published without a gap, and the packets or frames in them.
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

    /// Notes how far a task's encoder is; false where the task is not the worker's any more.
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

    /// Publishes pieces: their rows, the lecture's renditions and status, its events, and where asked the task's end.
    pub async fn publish(&self, publication: &Publication, task: &Task, now: Timestamp) -> Result<Published, DbError> {
        let mut tx = self.db.write().await?;
        let (video, generation) = (publication.video, publication.generation);
        let held = if publication.finish {
            task.finish_in(&mut tx).await?
        } else {
            task.holds_in(&mut tx).await?
        };
        if !held {
            return Ok(Published::Overtaken);
        }
        let Some(locked) = lock(&mut tx, video, now).await? else {
            return Ok(Published::Overtaken);
        };
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
        refresh(&mut tx, (video, generation), &locked, now).await?;
        tx.commit().await?;
        Ok(Published::Done)
    }

    /// The objects that plans in use name, as keys, and the generations that are in use.
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

    /// Forgets plans older than a generation that is complete.
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

const TALLIES: &str = "SELECT rendition, COUNT(*) AS pieces, MAX(CASE WHEN is_last THEN piece END) AS last, \
    CAST(SUM(ticks) AS BIGINT) AS ticks, CAST(SUM(bytes) AS BIGINT) AS bytes FROM pieces \
    WHERE video_id = $1 AND generation = $2 GROUP BY rendition";
const RENDITIONS: &str = "SELECT name, codecs, failure_code, failure_message FROM renditions WHERE video_id = $1 AND generation = $2 ORDER BY name";

fn tally(pieces: Vec<TallyRow>, made: Vec<RenditionRow>) -> HashMap<RenditionName, Tally> {
    let made = made.into_iter().map(|row| {
        let tally = Tally {
            codecs: row.codecs,
            failure: row.failure_code.map(|code| Reason {
                code,
                message: row.failure_message.unwrap_or_default(),
            }),
            ..Tally::default()
        };
        (row.name, tally)
    });
    let mut tallies: HashMap<RenditionName, Tally> = made.collect();
    for row in pieces {
        let tally = tallies.entry(row.rendition).or_default();
        (tally.pieces, tally.last, tally.ticks, tally.bytes) = (row.pieces, row.last, row.ticks, row.bytes);
    }
    tallies
}

/// Takes the video's row for this transaction; none where it is deleted or was given up.
async fn lock(tx: &mut Tx, video: VideoId, now: Timestamp) -> Result<Option<Locked>, DbError> {
    let sql = "UPDATE videos SET changes = changes + 1, updated_at = $2 \
               WHERE id = $1 AND status IN ('processing', 'playable', 'ready') \
               RETURNING owner_id, status, generation, media, duration_us, playable_at";
    tx.one(sql, args![video, now]).await
}

/// Gives the rendition its init segment, or compares; false where they differ.
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

/// Tells the lecture what is there of it now: its renditions, its status, and what follows from them.
async fn refresh(
    tx: &mut Tx,
    (video, generation): (VideoId, u32),
    locked: &Locked,
    now: Timestamp,
) -> Result<(), DbError> {
    let sql = "SELECT plan FROM plans WHERE video_id = $1 AND generation = $2";
    let row: Option<PlanRow> = tx.one(sql, args![video, generation]).await?;
    let Some(plan) = row.and_then(|row| serde_json::from_str::<Plan>(&row.plan).ok()) else {
        return Ok(());
    };
    let pieces = tx.all(TALLIES, args![video, generation]).await?;
    let made = tx.all(RENDITIONS, args![video, generation]).await?;
    let tallies = tally(pieces, made);
    let of = |name: &RenditionName| tallies.get(name).cloned().unwrap_or_default();
    let complete = plan.names().all(|name| of(name).is_complete());
    let serving = locked.generation == i64::from(generation);
    if !serving && !complete {
        return Ok(()); // a redo is shown when it is whole
    }
    let mut media: Media = locked
        .media
        .as_deref()
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    let own = descriptions::of_video_source(tx, video).await?;
    media.renditions = shown(&own, &of_plan(&plan), of);
    let playable = plan.source.is_some() || is_playable(&plan, of);
    let status = match (complete, playable) {
        (true, _) => Status::Ready,
        (false, true) => Status::Playable,
        (false, false) => Status::Processing,
    };
    let failed = media.renditions.iter().any(|one| one.state == RenditionState::Failed);
    write(tx, video, locked, &media, (status, generation, failed), now).await?;
    if complete {
        let sql = "UPDATE plans SET completed_at = $3 WHERE video_id = $1 AND generation = $2";
        tx.run(sql, args![video, generation, now]).await?;
        tidy(tx, video, (generation, locked.owner_id), now).await?;
    }
    Ok(())
}

/// Every sound has begun, and so has a rung, where there are any.
fn is_playable(plan: &Plan, of: impl Fn(&RenditionName) -> Tally) -> bool {
    let begun = |name: &RenditionName| of(name).pieces > 0;
    let picture = plan.rungs.iter().any(|rung| begun(&rung.name));
    let mut sounds = plan.sounds.iter();
    if plan.rungs.is_empty() {
        sounds.any(|sound| begun(&sound.name))
    } else {
        picture && sounds.all(|sound| begun(&sound.name) || of(&sound.name).failure.is_some())
    }
}

/// Whether something of the plan is left that can still make the lecture playable.
fn has_hope(plan: &Plan, of: impl Fn(&RenditionName) -> Tally) -> bool {
    if plan.rungs.is_empty() {
        plan.sounds.iter().any(|sound| of(&sound.name).failure.is_none())
    } else {
        plan.rungs.iter().any(|rung| of(&rung.name).failure.is_none())
    }
}

async fn write(
    tx: &mut Tx,
    video: VideoId,
    locked: &Locked,
    media: &Media,
    (status, generation, failed): (Status, u32, bool),
    now: Timestamp,
) -> Result<(), DbError> {
    let watchable = status.can_be_watched();
    let ready = status == Status::Ready;
    // Why it waited is over once it can be watched; why a rendition failed stays until it is made.
    let sql = "UPDATE videos SET status = $2, media = $3, generation = $4, \
               playable_at = CASE WHEN $5 THEN COALESCE(playable_at, $6) ELSE playable_at END, \
               ready_at = CASE WHEN $7 THEN COALESCE(ready_at, $6) ELSE NULL END, \
               reason_code = CASE WHEN $5 AND NOT $8 THEN NULL ELSE reason_code END, \
               reason_message = CASE WHEN $5 AND NOT $8 THEN NULL ELSE reason_message END WHERE id = $1";
    let media = serde_json::to_string(media).ok();
    let values = args![video, status.as_str(), media, generation, watchable, now, ready, failed];
    tx.run(sql, values).await?;
    let owner_id = locked.owner_id;
    if watchable && locked.playable_at.is_none() {
        let micros = locked.duration_us.unwrap_or_default().unsigned_abs();
        let duration = Duration::from_micros(micros).as_secs_f64();
        let event = VideoPlayable { owner_id, duration };
        outbox::push(tx, &NewEvent::of_video(video, event.into()), now).await?;
    }
    if ready && locked.status != Status::Ready.as_str() {
        outbox::push(tx, &NewEvent::of_video(video, VideoReady { owner_id }.into()), now).await?;
    }
    Ok(())
}

/// Has what nobody names swept: at once what lost workers left, later the plans before this one.
async fn tidy(tx: &mut Tx, video: VideoId, (generation, owner): (u32, UserId), now: Timestamp) -> Result<(), DbError> {
    let mut looks = vec![(false, now)];
    if generation > 1 {
        looks.push((true, now + OLD_PLAN_KEPT));
    }
    for (older, run_after) in looks {
        let tidy = Tidy {
            video_id: video,
            generation,
            older,
        };
        tasks::enqueue(tx, &tidy.task(owner, run_after)).await?;
    }
    Ok(())
}

/// Forgets everything that was planned and published of a video, with the transaction that deletes it.
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

/// Writes a plan and enqueues all that it asks for.
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

/// Enqueues the work of a plan that is neither published nor waiting; tells how many tasks that makes.
pub async fn enqueue_missing(
    tx: &mut Tx,
    (video, generation): (VideoId, u32),
    owner: UserId,
    plan: &Plan,
    now: Timestamp,
) -> Result<u64, DbError> {
    let sql = "SELECT rendition, piece FROM pieces WHERE video_id = $1 AND generation = $2";
    let there: Vec<(RenditionName, i64)> = tx.all(sql, args![video, generation]).await?;
    let pieces = tx.all(TALLIES, args![video, generation]).await?;
    let tallies = tally(pieces, Vec::new());
    let mut added = 0;
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
        let task = Encode::task((video, generation), planned, owner, now);
        added += u64::from(tasks::enqueue(tx, &task).await?);
    }
    Ok(added)
}

/// Notes that a part of a plan was given up, in the transaction that gives its task up.
///
/// A lecture that can no longer become whole fails as a whole, and its other work is taken back.
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
    let sql = "SELECT plan FROM plans WHERE video_id = $1 AND generation = $2";
    let row: Option<PlanRow> = tx.one(sql, args![video, generation]).await?;
    let Some(plan) = row.and_then(|row| serde_json::from_str::<Plan>(&row.plan).ok()) else {
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
        Work::Piece { rungs, .. } => rungs.clone(),
    };
    for name in names {
        let sql = "UPDATE renditions SET failure_code = $4, failure_message = $5 \
                   WHERE video_id = $1 AND generation = $2 AND name = $3";
        tx.run(sql, args![video, generation, &name, &reason.code, &reason.message])
            .await?;
    }
    // Also where all is made anew: what is there stays, and its owner is told why it is not replaced.
    let sql = "UPDATE videos SET reason_code = $2, reason_message = $3 WHERE id = $1";
    tx.run(sql, args![video, &reason.code, &reason.message]).await?;
    refresh(tx, (video, generation), &locked, now).await?;
    let tallies = tally(Vec::new(), tx.all(RENDITIONS, args![video, generation]).await?);
    let hope = plan.source.is_some() || has_hope(&plan, |name| tallies.get(name).cloned().unwrap_or_default());
    if !hope && locked.generation == i64::from(generation) {
        // Also where it could be watched up to the fault: it will never be a whole lecture.
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

#[cfg(test)]
mod tests;
