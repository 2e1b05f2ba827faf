//! How far users have watched lectures.

use crate::models::progress::{Progress, Report};
use crate::models::seen::{Interval, clamped, merged, total};
use backing::db::{Db, DbError, Sql, Tx};
use backing::{args, record};
use contracts::questions::Watched;
use contracts::{Timestamp, UserId, VideoId, is_enough};
use serde_json::Value;
use std::time::Duration;

macro_rules! length {
    ($lock:literal) => {
        concat!(
            "SELECT v.duration_us, l.started_at FROM videos v LEFT JOIN live_lectures l ON l.video_id = v.id \
             WHERE v.id = $1 AND v.status <> 'deleted'",
            $lock
        )
    };
}
/// A deletion waits until the row that it has to remove is there. SQLite needs no lock: it has one writer at a time.
const LENGTH: Sql = Sql::both(length!(""), length!(" FOR SHARE OF v"));
/// Inserts the row or locks it, so that reports of several players come one after the other.
const HOLD: &str = "INSERT INTO watches (user_id, video_id, position_us, seen, seen_us, watched_at) \
    VALUES ($1, $2, $3, '[]', 0, $4) \
    ON CONFLICT (user_id, video_id) DO UPDATE SET position_us = excluded.position_us, watched_at = excluded.watched_at \
    RETURNING seen, completed_at";
/// The lists are JSON, so that one statement serves lists of any length.
macro_rules! of_many {
    ($where:literal) => {
        concat!(
            "SELECT w.user_id, w.video_id, w.position_us, w.seen_us, v.duration_us, \
             w.completed_at IS NOT NULL AS is_completed, w.watched_at \
             FROM watches w LEFT JOIN videos v ON v.id = w.video_id WHERE ",
            $where
        )
    };
}
const OF_MANY: Sql = Sql::both(
    of_many!(
        "w.user_id IN (SELECT unhex(value) FROM json_each($1)) AND w.video_id IN (SELECT unhex(value) FROM json_each($2))"
    ),
    of_many!(
        "w.user_id = ANY (ARRAY(SELECT json_array_elements_text($1::json)::uuid)) \
         AND w.video_id = ANY (ARRAY(SELECT json_array_elements_text($2::json)::uuid))"
    ),
);

const SEEN: &str = "UPDATE watches SET seen = $3, seen_us = $4, completed_at = $5 WHERE user_id = $1 AND video_id = $2";
const OF_ONE: &str = "SELECT position_us, seen_us, completed_at IS NOT NULL AS is_completed FROM watches \
    WHERE user_id = $1 AND video_id = $2";
const FORGET: &str = "DELETE FROM watches WHERE video_id = $1";

/// Works on what was watched.
#[derive(Clone)]
pub struct WatchRepository {
    db: Db,
}

record! {
    struct HeldRow {
        seen: Value,
        completed_at: Option<Timestamp>,
    }
}

record! {
    struct ProgressRow {
        position_us: i64,
        seen_us: i64,
        is_completed: bool,
    }
}

record! {
    struct WatchedRow {
        user_id: UserId,
        video_id: VideoId,
        position_us: i64,
        seen_us: i64,
        duration_us: Option<i64>,
        is_completed: bool,
        watched_at: Timestamp,
    }
}

impl From<WatchedRow> for Watched {
    fn from(row: WatchedRow) -> Self {
        Self {
            user: row.user_id,
            video: row.video_id,
            position: time(row.position_us),
            seen: time(row.seen_us),
            duration: row.duration_us.map(time),
            is_completed: row.is_completed,
            watched_at: row.watched_at,
        }
    }
}

impl WatchRepository {
    /// A repository on content's schema.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// Adds what a player reports; the last position counts. `share` is how much of the lecture completes it outside of
    /// courses.
    ///
    /// Shape: `false` if the lecture is gone
    pub async fn record(
        &self,
        (user, video): (UserId, VideoId),
        report: &Report,
        share: f64,
        now: Timestamp,
    ) -> Result<bool, DbError> {
        let mut tx = self.db.write().await?;
        let found = tx.one::<(Option<i64>, Option<Timestamp>)>(LENGTH, args![video]).await?;
        let Some((duration_us, started_at)) = found else {
            return Ok(false);
        };
        // What is live has no length yet, and nobody has seen more of it than there was.
        let so_far = started_at.and_then(|started| i64::try_from(now.since(started).as_micros()).ok());
        let report = report.within(duration_us.or(so_far));
        let values = args![user, video, report.position_us, now];
        let Some(held) = tx.one::<HeldRow>(HOLD, values).await? else {
            return Ok(false);
        };
        let before: Vec<Interval> = serde_json::from_value(held.seen).unwrap_or_default();
        let all = merged(&before, &report.intervals);
        // A recording is shorter than the lecture was by the clock if nobody published for a while.
        let seen = match duration_us {
            Some(end) => clamped(&all, end),
            None => all,
        };
        let seen_us = total(&seen);
        let is_completed = duration_us.is_some_and(|length| is_enough(time(seen_us), time(length), share));
        let completed_at = held.completed_at.or(is_completed.then_some(now));
        if seen != before || completed_at != held.completed_at {
            let seen: Value = seen.into_iter().map(|(from, to)| Value::from(vec![from, to])).collect();
            tx.run(SEEN, args![user, video, seen, seen_us, completed_at]).await?;
        }
        tx.commit().await?;
        Ok(true)
    }

    /// How far a user has watched a lecture.
    pub async fn progress(&self, user: UserId, video: VideoId) -> Result<Progress, DbError> {
        let row = self.db.read().one::<ProgressRow>(OF_ONE, args![user, video]).await?;
        Ok(row.map_or_else(Progress::default, |row| Progress {
            position_us: row.position_us,
            seen_us: row.seen_us,
            is_completed: row.is_completed,
        }))
    }

    /// How far each of these users has watched each of these lectures, without what was never watched.
    pub async fn of_many(&self, users: &[UserId], videos: &[VideoId]) -> Result<Vec<Watched>, DbError> {
        let users: Value = users.iter().map(|id| id.0.as_simple().to_string()).collect();
        let videos: Value = videos.iter().map(|id| id.0.as_simple().to_string()).collect();
        let rows = self.db.read().all::<WatchedRow>(OF_MANY, args![users, videos]).await?;
        Ok(rows.into_iter().map(Watched::from).collect())
    }
}

/// A stored time.
fn time(us: i64) -> Duration {
    Duration::from_micros(us.unsigned_abs())
}

/// Forgets who has watched a lecture, in the transaction that deletes it.
pub async fn forget(tx: &mut Tx, video: VideoId) -> Result<(), DbError> {
    tx.run(FORGET, args![video]).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use renditions::schema::MIGRATIONS;
    use serde_json::json;
    use testing::databases;

    #[tokio::test]
    async fn no_statement_of_what_was_watched_reads_a_whole_table() {
        let (user, video, now) = (
            UserId::generate(),
            VideoId::generate(),
            Timestamp::from_seconds(1_800_000_000),
        );
        let list = |id: uuid::Uuid| json!([id.as_simple().to_string()]);
        let (users, videos) = (list(user.0), list(video.0));
        for test in databases("content", MIGRATIONS).await.unwrap() {
            let seen = args![user, video, json!([]), 0_i64, now];
            for (what, sql, values) in [
                ("a lecture's length", LENGTH, args![video]),
                ("the lock of a row", HOLD.into(), args![user, video, 0_i64, now]),
                ("what was seen", SEEN.into(), seen),
                ("one person and lecture", OF_ONE.into(), args![user, video]),
                (
                    "many people and lectures",
                    OF_MANY,
                    args![users.clone(), videos.clone()],
                ),
                ("a lecture's end", FORGET.into(), args![video]),
            ] {
                test.reads_by_index(what, sql, values).await;
            }
        }
    }
}
