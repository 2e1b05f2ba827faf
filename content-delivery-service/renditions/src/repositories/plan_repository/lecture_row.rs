//! The row of a lecture, which every transaction that changes a rendition brings up to date.

use super::tallies::tallies;
use crate::models::description::of_plan;
use crate::models::lecture::{Media, RenditionState, Status};
use crate::models::publication::{is_playable, is_settled, shown};
use crate::repositories::{descriptions, plan_rows};
use crate::tasks::TidyTask;
use backing::db::{DbError, Tx};
use backing::{args, outbox, record, tasks};
use contracts::events::{VideoPlayable, VideoReady};
use contracts::{NewEvent, RenditionName, Timestamp, UserId, VideoId};
use std::time::Duration;

/// How long players may keep using an older plan: no playback token lives longer.
const OLD_PLAN_KEPT: Duration = Duration::from_secs(7 * 3_600);

record! {
    pub(super) struct Locked {
        pub(super) owner_id: UserId,
        pub(super) status: String,
        pub(super) generation: i64,
        pub(super) media: Option<String>,
        pub(super) duration_us: Option<i64>,
        pub(super) playable_at: Option<Timestamp>,
    }
}

/// Locks the video's row for this transaction; none if the video is deleted or has failed.
pub(super) async fn lock(tx: &mut Tx, video: VideoId, now: Timestamp) -> Result<Option<Locked>, DbError> {
    let sql = "UPDATE videos SET changes = changes + 1, updated_at = $2 \
               WHERE id = $1 AND status IN ('processing', 'playable', 'ready') \
               RETURNING owner_id, status, generation, media, duration_us, playable_at";
    tx.one(sql, args![video, now]).await
}

/// Brings the row up to date with what is published of a plan: renditions, status, and what follows from them.
pub(super) async fn refresh(
    tx: &mut Tx,
    (video, generation): (VideoId, u32),
    locked: &Locked,
    now: Timestamp,
) -> Result<(), DbError> {
    let Some(plan) = plan_rows::find(tx, video, generation).await? else {
        return Ok(());
    };
    let tallies = tallies(tx, video, generation).await?;
    let of = |name: &RenditionName| tallies.get(name).cloned().unwrap_or_default();
    let complete = plan.names().all(|name| of(name).is_complete());
    let serving = locked.generation == i64::from(generation);
    if !serving && !complete {
        return Ok(()); // a redo is shown once it is complete
    }
    let mut media: Media = locked
        .media
        .as_deref()
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    let own = descriptions::of_video_source(tx, video).await?;
    media.renditions = shown(&own, &of_plan(&plan), of);
    let playable = plan.source.is_some() || is_playable(&plan, of);
    let status = match (is_settled(&plan, of), playable) {
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
    // The reason for waiting ends when the lecture is playable; the reason why a rendition failed stays until it is made.
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

/// Enqueues two removals: of objects that lost workers left, at once; of earlier plans, when no player uses them any more.
async fn tidy(tx: &mut Tx, video: VideoId, (generation, owner): (u32, UserId), now: Timestamp) -> Result<(), DbError> {
    let mut looks = vec![(false, now)];
    if generation > 1 {
        looks.push((true, now + OLD_PLAN_KEPT));
    }
    for (older, run_after) in looks {
        let tidy = TidyTask {
            video_id: video,
            generation,
            older,
        };
        tasks::enqueue(tx, &tidy.task(owner, run_after)).await?;
    }
    Ok(())
}
