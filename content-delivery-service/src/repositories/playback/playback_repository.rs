//! Playback sessions: opens them (in [`openings`]), looks them up on first sight, and ends them with their sign-in, account or
//! video.

use crate::metric;
use backing::db::Sql;
use backing::{Db, DbError, Tx, args, record};
use contracts::{ClientId, PlaybackId, SessionId, Timestamp, UserId, VideoId};
use serde_json::Value;
use std::collections::BTreeMap;

const STANDING: &str = "SELECT p.video_id, p.started_at, p.last_seen_at, p.ended_at, v.policy_version, v.deleted_at \
    FROM playbacks p JOIN videos v ON v.id = p.video_id WHERE p.id = $1";
const ENDED_SINCE: &str = "SELECT id FROM playbacks WHERE ended_at >= $1";
const POLICIES_SINCE: &str = "SELECT id, policy_version FROM videos WHERE updated_at >= $1";
/// Whether a session is attendance of a live lecture; it is then kept as long as the lecture.
macro_rules! is_attendance {
    () => {
        "(started_at IS NOT NULL AND network IS NULL AND EXISTS \
         (SELECT 1 FROM live_lectures l JOIN videos v ON v.id = l.video_id WHERE l.video_id = playbacks.video_id \
         AND v.deleted_at IS NULL AND (l.ended_at IS NULL OR playbacks.started_at < l.ended_at)))"
    };
}
/// A statement that forgets sessions on PostgreSQL. It skips those that another change has locked: it locks in no order, and
/// so it must not wait. The next time forgets them.
macro_rules! delete_on_postgres {
    ($($which:expr),+) => {
        concat!(
            "DELETE FROM playbacks WHERE id = ANY (ARRAY(SELECT id FROM playbacks WHERE ",
            $($which),+,
            " FOR UPDATE SKIP LOCKED))"
        )
    };
}
/// The same on both.
macro_rules! delete {
    ($($which:expr),+) => {
        Sql::both(concat!("DELETE FROM playbacks WHERE ", $($which),+), delete_on_postgres!($($which),+))
    };
}
const FORGET_BEFORE: Sql = delete!("expires_at < $1 AND NOT ", is_attendance!());

pub(crate) mod openings;

const OF_VIDEO: &str = "SELECT id FROM playbacks WHERE video_id = $1 AND ended_at IS NULL";
const OF_CLIENT: &str = "SELECT id FROM playbacks WHERE client_id = $1 AND ended_at IS NULL";
const OF_SIGN_IN: &str = "SELECT id FROM playbacks WHERE session_id = $1 AND ended_at IS NULL";
const BELOW: &str = "SELECT id FROM playbacks WHERE user_id = $1 AND user_version < $2 AND ended_at IS NULL";
const OTHERS_BELOW: &str = "SELECT id FROM playbacks WHERE user_id = $1 AND user_version < $2 AND ended_at IS NULL \
    AND video_id NOT IN (SELECT id FROM videos WHERE owner_id = $1)";
/// In the order in which other changes lock sessions. SQLite needs no lock: it has one writer at a time. The list is JSON, so
/// that one statement serves lists of any length.
const END_ALL: Sql = Sql::both(
    "UPDATE playbacks SET ended_at = $1 WHERE ended_at IS NULL AND id IN (SELECT unhex(value) FROM json_each($2)) \
     RETURNING id",
    "UPDATE playbacks SET ended_at = $1 WHERE id = ANY (ARRAY(SELECT id FROM playbacks WHERE ended_at IS NULL \
     AND id = ANY (ARRAY(SELECT json_array_elements_text($2::json)::uuid)) ORDER BY id FOR UPDATE)) RETURNING id",
);
/// In the order in which other changes lock sessions. SQLite needs no lock: it has one writer at a time.
const LOCK_SEEN: Sql = Sql::both(
    "SELECT id, ended_at FROM playbacks WHERE id IN (SELECT unhex(value) FROM json_each($1))",
    "SELECT id, ended_at FROM playbacks WHERE id = ANY (ARRAY(SELECT json_array_elements_text($1::json)::uuid)) \
     ORDER BY id FOR UPDATE",
);
const SAW: &str = "UPDATE playbacks SET last_seen_at = new.column2 FROM (VALUES ($1, $2)) AS new \
    WHERE playbacks.id = new.column1 AND playbacks.last_seen_at < new.column2";

/// Sessions in the content database.
#[derive(Clone)]
pub(crate) struct PlaybackRepository {
    db: Db,
}

record! {
    /// What decides whether a session's token is still good.
    pub(crate) struct Standing {
        /// Whose bytes the session may fetch.
        pub(crate) video_id: VideoId,
        /// When its first media request came.
        pub(crate) started_at: Option<Timestamp>,
        /// Its last sign of life that was written down.
        pub(crate) last_seen_at: Timestamp,
        /// When the session was ended.
        pub(crate) ended_at: Option<Timestamp>,
        /// The video's policy today.
        pub(crate) policy_version: i64,
        /// When the video was deleted.
        pub(crate) deleted_at: Option<Timestamp>,
    }
}

record! {
    struct PlaybackRow {
        id: PlaybackId,
    }
}

record! {
    /// A video's present policy.
    pub(crate) struct Policy {
        /// The video.
        pub(crate) id: VideoId,
        /// Tokens below it are refused.
        pub(crate) policy_version: i64,
    }
}

/// Which sessions of a user or a client an event ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Those of one sign-in.
    SignIn(SessionId),
    /// Those opened with a token below the version.
    Below(UserId, i64),
    /// Of those below the version, the ones of other people's videos.
    OthersBelow(UserId, i64),
    /// Those that a client has opened.
    Client(ClientId),
}

impl Ending {
    /// The statement that finds the open sessions, and its values.
    fn open_sessions(self) -> (&'static str, Vec<backing::db::Value>) {
        match self {
            Self::Client(client) => (OF_CLIENT, args![client]),
            Self::SignIn(session) => (OF_SIGN_IN, args![session]),
            Self::Below(user, version) => (BELOW, args![user, version]),
            Self::OthersBelow(user, version) => (OTHERS_BELOW, args![user, version]),
        }
    }
}

impl PlaybackRepository {
    /// Works on the content database.
    pub(crate) fn new(db: Db) -> Self {
        Self { db }
    }

    /// Ends the sessions that these end and no event of their users has ended; writes nothing if there are none.
    pub(crate) async fn end_overdue(&self, endings: &[Ending], now: Timestamp) -> Result<Vec<PlaybackId>, DbError> {
        let mut overdue = Vec::new();
        for ending in endings {
            let (sql, values) = ending.open_sessions();
            let open = self.db.read().all::<PlaybackRow>(sql, values).await?;
            overdue.extend(open.into_iter().map(|row| row.id));
        }
        if overdue.is_empty() {
            return Ok(Vec::new());
        }
        let mut tx = self.db.write().await?;
        let ended = end_open(&mut tx, &overdue, now).await?;
        tx.commit().await?;
        metrics::counter!(metric::PLAYBACKS_ENDED).increment(u64::try_from(ended.len()).unwrap_or(0));
        Ok(ended)
    }

    /// How a session and its video stand.
    pub(crate) async fn standing(&self, playback: PlaybackId) -> Result<Option<Standing>, DbError> {
        self.db.read().one(STANDING, args![playback]).await
    }

    /// Ends one session.
    ///
    /// Shape: `false` if it had ended before
    pub(crate) async fn end(&self, playback: PlaybackId, now: Timestamp) -> Result<bool, DbError> {
        let mut tx = self.db.write().await?;
        let sql = "UPDATE playbacks SET ended_at = $2 WHERE id = $1 AND ended_at IS NULL";
        let ended = tx.run(sql, args![playback, now]).await?;
        tx.commit().await?;
        Ok(ended > 0)
    }

    /// The sessions that were ended at or after a moment.
    pub(crate) async fn ended_since(&self, moment: Timestamp) -> Result<Vec<PlaybackId>, DbError> {
        let rows = self.db.read().all::<PlaybackRow>(ENDED_SINCE, args![moment]).await?;
        Ok(rows.into_iter().map(|row| row.id).collect())
    }

    /// The policies of the videos that changed at or after a moment.
    pub(crate) async fn policies_since(&self, moment: Timestamp) -> Result<Vec<Policy>, DbError> {
        self.db.read().all(POLICIES_SINCE, args![moment]).await
    }

    /// Notes when sessions were last seen; returns those of them that have ended, or are forgotten.
    pub(crate) async fn saw(&self, seen: &[(PlaybackId, Timestamp)]) -> Result<Vec<PlaybackId>, DbError> {
        if seen.is_empty() {
            return Ok(Vec::new());
        }
        let mut latest: BTreeMap<PlaybackId, Timestamp> = BTreeMap::new();
        for &(playback, at) in seen {
            let known = latest.entry(playback).or_insert(at);
            *known = at.max(*known);
        }
        let ids: Value = latest.keys().map(|id| id.0.as_simple().to_string()).collect();
        let mut tx = self.db.write().await?;
        let known = tx.all::<(PlaybackId, Option<Timestamp>)>(LOCK_SEEN, args![ids]).await?;
        let known: BTreeMap<PlaybackId, Option<Timestamp>> = known.into_iter().collect();
        let is_over = |id: &&PlaybackId| known.get(id) != Some(&None);
        let over = latest.keys().filter(is_over).copied().collect();
        let rows = latest.into_iter().map(|(playback, at)| args![playback, at]);
        tx.run_all(SAW, rows.collect()).await?;
        tx.commit().await?;
        Ok(over)
    }

    /// Forgets the sessions that ran out before a moment, but for attendance.
    pub(crate) async fn forget_before(&self, moment: Timestamp) -> Result<u64, DbError> {
        let mut tx = self.db.write().await?;
        let gone = tx.run(FORGET_BEFORE, args![moment]).await?;
        tx.commit().await?;
        Ok(gone)
    }
}

/// Ends those of these sessions that have not ended, and returns their ids.
async fn end_open(tx: &mut Tx, playbacks: &[PlaybackId], now: Timestamp) -> Result<Vec<PlaybackId>, DbError> {
    if playbacks.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Value = playbacks.iter().map(|id| id.0.as_simple().to_string()).collect();
    let ended = tx.all::<PlaybackRow>(END_ALL, args![now, ids]).await?;
    Ok(ended.into_iter().map(|row| row.id).collect())
}

/// Ends the sessions that a statement finds, and returns their ids.
async fn end_found(
    tx: &mut Tx,
    sql: &'static str,
    values: Vec<backing::db::Value>,
    now: Timestamp,
) -> Result<Vec<PlaybackId>, DbError> {
    let found = tx.all::<PlaybackRow>(sql, values).await?;
    let found: Vec<PlaybackId> = found.into_iter().map(|row| row.id).collect();
    end_open(tx, &found, now).await
}

/// Ends the sessions that an event of their user ends, and returns their ids.
pub(crate) async fn end_by(tx: &mut Tx, ending: Ending, now: Timestamp) -> Result<Vec<PlaybackId>, DbError> {
    let (sql, values) = ending.open_sessions();
    end_found(tx, sql, values, now).await
}

/// Ends these sessions, in the transaction that takes their viewers' rights away.
pub(crate) async fn end_all(tx: &mut Tx, playbacks: &[PlaybackId], now: Timestamp) -> Result<(), DbError> {
    let ended = end_open(tx, playbacks, now).await?;
    metrics::counter!(metric::PLAYBACKS_ENDED).increment(u64::try_from(ended.len()).unwrap_or(0));
    Ok(())
}

/// Ends all sessions of a video, in the transaction that deletes it.
pub(crate) async fn forget(tx: &mut Tx, video: VideoId, now: Timestamp) -> Result<(), DbError> {
    let ended = end_found(tx, OF_VIDEO, args![video], now).await?;
    metrics::counter!(metric::PLAYBACKS_ENDED).increment(u64::try_from(ended.len()).unwrap_or(0));
    Ok(())
}

#[cfg(test)]
mod tests;
