//! Recordings in the database. The bytes of their segments are in the object store.

use crate::models::recording::{Joined, Recording, StoredSegment};
use backing::db::{Db, DbError, Tx};
use backing::tasks::{self, NewTask, Task};
use backing::{args, outbox, record};
use bytes::Bytes;
use contracts::events::{VideoFailed, VideoPlayable};
use contracts::{EventData, NewEvent, Timestamp, UserId, VideoId};
use live::packager::{InitState, Rendition, SegmentState, Targets};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Duration;

/// Why a lecture whose recording is empty can't be watched.
const NOT_RECORDED: &str = "not_recorded";

const LECTURE: &str = "SELECT targets, recorded_at IS NOT NULL AS is_complete FROM live_lectures WHERE video_id = $1";
const INITS: &str = "SELECT rendition, number, description, bytes FROM live_inits WHERE video_id = $1";
const SEGMENTS: &str = "SELECT rendition, sequence, lease, description FROM live_segments WHERE video_id = $1";
const REPLACE: &str = "UPDATE live_segments SET description = $5 \
    WHERE video_id = $1 AND rendition = $2 AND sequence = $3 AND lease = $4";
const HELD: &str = "SELECT lease FROM live_lectures WHERE video_id = $1 AND lease = $2 AND recorded_at IS NULL";
/// Holds the lecture's row, so that no other node takes the lecture meanwhile.
const HOLD: &str = "UPDATE live_lectures SET lease = lease WHERE video_id = $1 AND lease = $2 AND recorded_at IS NULL";

record! {
    struct LectureRow {
        targets: Option<String>,
        is_complete: bool,
    }
}

record! {
    struct InitRow {
        rendition: String,
        number: i64,
        description: String,
        bytes: Vec<u8>,
    }
}

record! {
    struct SegmentRow {
        rendition: String,
        sequence: i64,
        lease: i64,
        description: String,
    }
}

/// A segment as its row describes it.
#[derive(Serialize, Deserialize)]
struct Described {
    #[serde(flatten)]
    state: SegmentState,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    joined: Option<Joined>,
}

/// Something that a packager has made.
#[derive(Debug, Clone)]
pub enum Fact {
    /// What the playlists promise.
    Targets(Targets),
    /// An init segment.
    Init(Rendition, InitState, Bytes),
    /// A segment whose object is stored.
    Segment(Rendition, SegmentState),
}

/// What becomes of a lecture when its recording is complete.
#[derive(Debug, Clone)]
pub struct Summary {
    /// How long it is.
    ///
    /// Units: microseconds
    pub duration: u64,
    /// How many bytes it has.
    pub bytes: u64,
    /// None if nothing can be watched.
    pub media: Option<Watchable>,
}

/// A recording that can be watched.
#[derive(Debug, Clone)]
pub struct Watchable {
    /// The JSON of its tracks and renditions.
    pub media: String,
    /// What is to be done with it from now on.
    pub then: fn(VideoId, UserId, Timestamp) -> Vec<NewTask>,
}

/// Recordings in content's schema.
#[derive(Clone)]
pub struct RecordingRepository {
    db: Db,
}

impl RecordingRepository {
    /// A repository on content's schema.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// What is stored of a lecture; none if the video is no live lecture.
    pub async fn read(&self, video: VideoId) -> Result<Option<Recording>, DbError> {
        let mut snapshot = self.db.snapshot().await?;
        let Some(lecture) = snapshot.one::<LectureRow>(LECTURE, args![video]).await? else {
            return Ok(None);
        };
        let mut recording = Recording {
            targets: lecture.targets.and_then(|text| serde_json::from_str(&text).ok()),
            is_complete: lecture.is_complete,
            ..Recording::default()
        };
        for row in snapshot.all::<InitRow>(INITS, args![video]).await? {
            let state = serde_json::from_str(&row.description).ok();
            if let (Some(rendition), Some(state)) = (Rendition::parse(&row.rendition), state) {
                let inits = &mut recording.renditions.entry(rendition).or_default().inits;
                inits.insert(small(row.number), (state, Bytes::from(row.bytes)));
            }
        }
        for row in snapshot.all::<SegmentRow>(SEGMENTS, args![video]).await? {
            let described = serde_json::from_str(&row.description).ok();
            if let (Some(rendition), Some(Described { state, joined })) = (Rendition::parse(&row.rendition), described)
            {
                let lease = row.lease;
                let segments = &mut recording.renditions.entry(rendition).or_default().segments;
                segments.insert(small(row.sequence), StoredSegment { lease, joined, state });
            }
        }
        Ok(Some(recording))
    }

    /// Whether a lecture is still recorded under this lease.
    pub async fn is_held(&self, (video, lease): (VideoId, i64)) -> Result<bool, DbError> {
        let row = self.db.read().one::<(i64,)>(HELD, args![video, lease]).await?;
        Ok(row.is_some())
    }

    /// Writes what a packager has made.
    ///
    /// Shape: `false` if another node has taken the lecture; then nothing is written
    pub async fn note(&self, (video, lease): (VideoId, i64), fact: &Fact) -> Result<bool, DbError> {
        let mut tx = self.db.write().await?;
        if tx.run(HOLD, args![video, lease]).await? == 0 {
            return Ok(false);
        }
        match fact {
            Fact::Targets(targets) => {
                let sql = "UPDATE live_lectures SET targets = $2 WHERE video_id = $1";
                tx.run(sql, args![video, json(targets)]).await?;
            }
            Fact::Init(rendition, init, bytes) => {
                let sql = "INSERT INTO live_inits (video_id, rendition, number, description, bytes) \
                           VALUES ($1, $2, $3, $4, $5) ON CONFLICT (video_id, rendition, number) \
                           DO UPDATE SET description = excluded.description, bytes = excluded.bytes";
                let name = rendition.to_string();
                tx.run(sql, args![video, name, init.number, json(init), bytes.to_vec()])
                    .await?;
            }
            Fact::Segment(rendition, segment) => {
                let sql = "INSERT INTO live_segments (video_id, rendition, sequence, lease, description) \
                           VALUES ($1, $2, $3, $4, $5) ON CONFLICT (video_id, rendition, sequence) \
                           DO UPDATE SET lease = excluded.lease, description = excluded.description";
                let name = rendition.to_string();
                tx.run(sql, args![video, name, segment.sequence, lease, json(segment)])
                    .await?;
            }
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Notes where segments are in the object that they share from now on.
    ///
    /// Shape: `false` if the task is another worker's, or the video is deleted; then nothing is written
    pub async fn join(
        &self,
        (video, rendition): (VideoId, Rendition),
        segments: &[StoredSegment],
        task: &Task,
    ) -> Result<bool, DbError> {
        let mut tx = self.db.write().await?;
        if !task.holds_in(&mut tx).await? {
            return Ok(false);
        }
        for StoredSegment { lease, joined, state } in segments.iter().copied() {
            let (name, sequence) = (rendition.to_string(), state.sequence);
            let values = args![video, name, sequence, lease, json(&Described { state, joined })];
            if tx.run(REPLACE, values).await? == 0 {
                return Ok(false);
            }
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Completes a recording: the lecture is a video like any other from now on, or has failed if nothing can be watched.
    ///
    /// Shape: `false` if it was complete before, another lease has followed, or the video is deleted
    pub async fn complete(
        &self,
        (video, lease): (VideoId, i64),
        summary: &Summary,
        now: Timestamp,
    ) -> Result<bool, DbError> {
        let mut tx = self.db.write().await?;
        let sql = "UPDATE live_lectures SET ended_at = COALESCE(ended_at, $2), recorded_at = $2, node = NULL, \
                   held_until = NULL WHERE video_id = $1 AND lease = $3 AND recorded_at IS NULL";
        if tx.run(sql, args![video, now, lease]).await? == 0 {
            return Ok(false);
        }
        let done = match &summary.media {
            Some(watchable) => publish(&mut tx, video, (summary, watchable), now).await?,
            None => fail(&mut tx, video, now).await?,
        };
        tx.commit().await?;
        Ok(done)
    }
}

async fn publish(
    tx: &mut Tx,
    video: VideoId,
    (summary, watchable): (&Summary, &Watchable),
    now: Timestamp,
) -> Result<bool, DbError> {
    let sql = "UPDATE videos SET status = 'playable', media = $2, duration_us = $3, bytes = $4, \
               playable_at = COALESCE(playable_at, $5), changes = changes + 1, updated_at = $5 \
               WHERE id = $1 AND status IN ('scheduled', 'live') RETURNING owner_id";
    let (duration, bytes) = (large(summary.duration), large(summary.bytes));
    let values = args![video, watchable.media.as_str(), duration, bytes, now];
    let Some((owner_id,)) = tx.one::<(UserId,)>(sql, values).await? else {
        return Ok(false);
    };
    let duration = Duration::from_micros(summary.duration).as_secs_f64();
    let event: EventData = VideoPlayable { owner_id, duration }.into();
    outbox::push(tx, &NewEvent::of_video(video, event), now).await?;
    tasks::enqueue_all(tx, &(watchable.then)(video, owner_id, now)).await?;
    Ok(true)
}

async fn fail(tx: &mut Tx, video: VideoId, now: Timestamp) -> Result<bool, DbError> {
    let sql = "UPDATE videos SET status = 'failed', reason_code = $2, reason_message = $3, playable_at = NULL, \
               changes = changes + 1, updated_at = $4 WHERE id = $1 AND status IN ('scheduled', 'live') RETURNING owner_id";
    let message = "the lecture ended before anything of it was published";
    let Some((owner_id,)) = tx
        .one::<(UserId,)>(sql, args![video, NOT_RECORDED, message, now])
        .await?
    else {
        return Ok(false);
    };
    let reason = NOT_RECORDED.to_owned();
    outbox::push(
        tx,
        &NewEvent::of_video(video, VideoFailed { owner_id, reason }.into()),
        now,
    )
    .await?;
    Ok(true)
}

fn json(value: &impl Serialize) -> Value {
    // numbers and texts can always be written
    serde_json::to_value(value).unwrap_or_default()
}

/// A number that was a `u32` when it was written.
fn small(number: i64) -> u32 {
    u32::try_from(number).unwrap_or(0)
}

fn large(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
