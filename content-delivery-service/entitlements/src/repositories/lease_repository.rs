//! The places of a user's playback sessions: which sessions hold one, and who gets the next one.

use crate::metric;
use crate::models::places::{Admission, Places, admission};
use crate::models::session::{LEASE, LiveSession};
use backing::db::{ColumnError, Record, Row, Sql};
use backing::{Db, DbError, Tx, args, record};
use contracts::{ClientId, PlaybackId, SessionId, Timestamp, UserId, VideoId};
use serde_json::Value;
use uuid::Uuid;

/// The sessions of one sign-in and video, in one order everywhere: a change that ends sessions locks them by their ids.
/// SQLite needs no lock: it has one writer at a time.
const HOLD: Sql = Sql::both(
    "SELECT id FROM playbacks WHERE user_id = $1 AND session_id = $2 AND video_id = $3 AND ended_at IS NULL ORDER BY id",
    "SELECT id FROM playbacks WHERE user_id = $1 AND session_id = $2 AND video_id = $3 AND ended_at IS NULL ORDER BY id \
     FOR UPDATE",
);
/// Ends the other sessions of one sign-in and video that have begun.
const REPLACE: &str = "UPDATE playbacks SET ended_at = $5 WHERE user_id = $1 AND session_id = $2 AND video_id = $3 \
    AND id <> $4 AND ended_at IS NULL AND started_at IS NOT NULL RETURNING id";
/// How many other sessions of a user hold a place.
const COUNT: &str = "SELECT COUNT(*) FROM playbacks WHERE user_id = $1 AND ended_at IS NULL AND started_at IS NOT NULL \
    AND last_seen_at > $2 AND expires_at > $3 AND id <> $4";
/// The sessions of some users that hold a place. SQLite is told to begin with the list.
const LIVE: Sql = Sql::both(
    "SELECT p.user_id, p.session_id, p.id, p.client_id, p.video_id, v.title, p.device, p.last_seen_at \
     FROM json_each($1) CROSS JOIN playbacks p INDEXED BY playbacks_of_user ON p.user_id = unhex(json_each.value) \
     AND p.ended_at IS NULL AND p.started_at > 0 AND p.last_seen_at > $2 AND p.expires_at > $3 \
     CROSS JOIN videos v ON v.id = p.video_id ORDER BY p.last_seen_at DESC, p.id DESC",
    "SELECT p.user_id, p.session_id, p.id, p.client_id, p.video_id, v.title, p.device, p.last_seen_at \
     FROM playbacks p JOIN videos v ON v.id = p.video_id \
     WHERE p.user_id = ANY (ARRAY(SELECT json_array_elements_text($1::json)::uuid)) \
     AND p.ended_at IS NULL AND p.started_at > 0 AND p.last_seen_at > $2 AND p.expires_at > $3 \
     ORDER BY p.last_seen_at DESC, p.id DESC",
);
/// How many places of a lecture the viewers of each network hold who are not signed in.
const CROWD: &str = "SELECT network, COUNT(*) AS held FROM playbacks \
    WHERE video_id = $1 AND network IS NOT NULL AND started_at IS NOT NULL AND last_seen_at > $2 \
    AND ended_at IS NULL AND expires_at > $3 AND id <> $4 GROUP BY network";
/// The one of them that was not seen for the longest time.
const GIVES_WAY: &str = "UPDATE playbacks SET ended_at = $5 WHERE id = (SELECT id FROM playbacks \
    WHERE video_id = $1 AND network IS NOT NULL AND started_at IS NOT NULL AND last_seen_at > $2 AND ended_at IS NULL \
    AND expires_at > $3 AND network = $4 ORDER BY last_seen_at, id LIMIT 1) AND ended_at IS NULL RETURNING id";

/// Sessions that hold a place, in the content database.
#[derive(Clone)]
pub struct LeaseRepository {
    db: Db,
}

/// How the first media request of a session ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// The session holds a place; these sessions have left theirs to it.
    Live(Vec<PlaybackId>),
    /// No place is left; the session has ended.
    NoPlace,
    /// The session has ended before.
    Ended,
}

record! {
    struct Beginning {
        user_id: UserId,
        session_id: SessionId,
        video_id: VideoId,
        network: Option<i64>,
    }
}

/// A session that holds one of its user's places.
pub struct Live {
    /// Whose place it is.
    pub user: UserId,
    /// The sign-in that opened the session.
    pub sign_in: SessionId,
    /// The session.
    pub session: LiveSession,
}

impl Record for Live {
    fn read(row: &Row<'_>) -> Result<Self, ColumnError> {
        Ok(Self {
            user: row.named("user_id")?,
            sign_in: row.named("session_id")?,
            session: LiveSession {
                id: row.named("id")?,
                client: row.named("client_id")?,
                video_id: row.named("video_id")?,
                title: row.named("title")?,
                device: row.named("device")?,
                seen_at: row.named("last_seen_at")?,
            },
        })
    }
}

impl LeaseRepository {
    /// Works on the content database.
    #[must_use]
    pub const fn new(db: Db) -> Self {
        Self { db }
    }

    /// Gives a session a place, or the place again that it lost by silence. A session takes the place of an earlier one of
    /// the same sign-in and video. Beginnings of one user, and those of a lecture without a sign-in, come one after the
    /// other, on all nodes.
    pub async fn begin(&self, playback: PlaybackId, places: Places, now: Timestamp) -> Result<Begun, DbError> {
        let mut tx = self.db.write().await?;
        let sql = "SELECT user_id, session_id, video_id, network FROM playbacks WHERE id = $1 AND ended_at IS NULL";
        let Some(beginning) = tx.one::<Beginning>(sql, args![playback]).await? else {
            return Ok(Begun::Ended);
        };
        let replaced = match beginning.network {
            Some(network) => {
                begin_in_crowd(&mut tx, playback, (beginning.video_id, network), places.of_lecture, now).await?
            }
            // Opened by the version before.
            None if beginning.user_id.0.is_nil() && beginning.session_id.0.is_nil() => Some(Vec::new()),
            None => begin_of_user(&mut tx, playback, &beginning, places.of_user, now).await?,
        };
        let Some(replaced) = replaced else {
            // Its token opens nothing from now on, here or elsewhere. One that has begun may be attendance of a live lecture,
            // and other nodes may know it.
            let sql = "UPDATE playbacks SET ended_at = $2 \
                       WHERE id = $1 AND started_at IS NOT NULL AND ended_at IS NULL";
            let ended = tx.run(sql, args![playback, now]).await?;
            let sql = "DELETE FROM playbacks WHERE id = $1 AND started_at IS NULL";
            tx.run(sql, args![playback]).await?;
            tx.commit().await?;
            metrics::counter!(metric::PLAYBACKS_ENDED).increment(ended);
            return Ok(Begun::NoPlace);
        };
        let sql = "UPDATE playbacks SET started_at = COALESCE(started_at, $2), last_seen_at = $2 \
                   WHERE id = $1 AND ended_at IS NULL";
        if tx.run(sql, args![playback, now]).await? == 0 {
            return Ok(Begun::Ended);
        }
        tx.commit().await?;
        metrics::counter!(metric::PLAYBACKS_ENDED).increment(u64::try_from(replaced.len()).unwrap_or(0));
        Ok(Begun::Live(replaced))
    }

    /// How many places of a lecture each network holds, of viewers without a sign-in.
    pub async fn crowd(&self, video: VideoId, now: Timestamp) -> Result<Vec<(i64, i64)>, DbError> {
        let nobody = PlaybackId::from(Uuid::nil());
        self.db.read().all(CROWD, args![video, now - LEASE, now, nobody]).await
    }

    /// Ends a session of this user, and of this client if one is named.
    ///
    /// Shape: `false` if it is no open session of theirs
    pub async fn end_own(
        &self,
        playback: PlaybackId,
        (user, client): (UserId, Option<ClientId>),
        now: Timestamp,
    ) -> Result<bool, DbError> {
        let mut tx = self.db.write().await?;
        let sql = "UPDATE playbacks SET ended_at = $3 WHERE id = $1 AND user_id = $2 AND ended_at IS NULL \
                   AND ($4 IS NULL OR client_id = $4)";
        let ended = tx.run(sql, args![playback, user, now, client]).await?;
        tx.commit().await?;
        metrics::counter!(metric::PLAYBACKS_ENDED).increment(ended);
        Ok(ended > 0)
    }
}

/// The sessions of some users that hold a place, the last seen first.
pub async fn live(tx: &mut Tx, users: Value, now: Timestamp) -> Result<Vec<Live>, DbError> {
    tx.all(LIVE, args![users, now - LEASE, now]).await
}

/// Finds a place for a session of somebody who is signed in, and returns the sessions that leave theirs to it; `None` if
/// there is no place.
async fn begin_of_user(
    tx: &mut Tx,
    playback: PlaybackId,
    beginning: &Beginning,
    most: u32,
    now: Timestamp,
) -> Result<Option<Vec<PlaybackId>>, DbError> {
    tx.one_by_one(beginning.user_id.0).await?;
    let replaced = replace(tx, playback, beginning, now).await?;
    let others = count(tx, playback, beginning.user_id, now).await?;
    Ok((most == 0 || others < i64::from(most)).then_some(replaced))
}

/// The same for a session without a sign-in, which shares the places of its lecture with all others.
async fn begin_in_crowd(
    tx: &mut Tx,
    playback: PlaybackId,
    (video, network): (VideoId, i64),
    most: u32,
    now: Timestamp,
) -> Result<Option<Vec<PlaybackId>>, DbError> {
    tx.one_by_one(video.0).await?;
    let crowd: Vec<(i64, i64)> = tx.all(CROWD, args![video, now - LEASE, now, playback]).await?;
    match admission(&crowd, network, most) {
        Admission::Free => Ok(Some(Vec::new())),
        Admission::Full => Ok(None),
        Admission::From(other) => {
            let values = args![video, now - LEASE, now, other, now];
            let ended = tx.all::<(PlaybackId,)>(GIVES_WAY, values).await?;
            Ok(Some(ended.into_iter().map(|(id,)| id).collect()))
        }
    }
}

/// Ends the other sessions of the same sign-in and video that have begun.
async fn replace(
    tx: &mut Tx,
    playback: PlaybackId,
    beginning: &Beginning,
    now: Timestamp,
) -> Result<Vec<PlaybackId>, DbError> {
    let Beginning {
        user_id,
        session_id,
        video_id,
        ..
    } = *beginning;
    tx.all::<(PlaybackId,)>(HOLD, args![user_id, session_id, video_id])
        .await?;
    let replaced = tx
        .all::<(PlaybackId,)>(REPLACE, args![user_id, session_id, video_id, playback, now])
        .await?;
    Ok(replaced.into_iter().map(|(id,)| id).collect())
}

/// How many other sessions of a user hold a place.
async fn count(tx: &mut Tx, playback: PlaybackId, user: UserId, now: Timestamp) -> Result<i64, DbError> {
    let counted = tx.one::<(i64,)>(COUNT, args![user, now - LEASE, now, playback]).await?;
    Ok(counted.map_or(0, |(count,)| count))
}

#[cfg(test)]
mod tests;
