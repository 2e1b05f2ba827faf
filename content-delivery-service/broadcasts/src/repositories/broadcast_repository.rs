//! Live lectures in the database.

use crate::models::broadcast::{Broadcast, BroadcastEdit, LEASE, Lease, NewBroadcast, Presence};
use backing::db::{Db, DbError, Tx, before};
use backing::once::{self, Once, Request};
use backing::{args, outbox, record};
use contracts::events::{VideoCreated, VideoLive, VideoUpdated};
use contracts::{CourseId, EventData, NewEvent, PlaybackId, Timestamp, UserId, VideoId};
use std::time::Duration;

/// A playback session that has not been seen for longer counts as left.
const SEEN: Duration = Duration::from_secs(90);

macro_rules! selected {
    ($($rest:tt)*) => {
        concat!(
            "SELECT v.id, v.owner_id, v.title, v.description, v.status = 'deleted' AS is_deleted, v.version, v.changes, \
             l.course_id, l.starts_at, l.started_at, l.ended_at, l.recorded_at, l.key_version, l.lease, l.node, l.held_until, \
             l.published_at FROM live_lectures l JOIN videos v ON v.id = l.video_id ",
            $($rest)*
        )
    };
}

const FIND: &str = selected!("WHERE l.video_id = $1");
const OWNED: &str =
    selected!("WHERE l.owner_id = $3 AND l.video_id < $2 AND v.status <> 'deleted' ORDER BY l.video_id DESC LIMIT $1");
const OPEN: &str = selected!("WHERE l.started_at IS NOT NULL AND l.recorded_at IS NULL");
const VIEWERS: &str = "SELECT COUNT(*) FROM (SELECT DISTINCT user_id, network FROM playbacks \
    WHERE video_id = $1 AND started_at IS NOT NULL AND ended_at IS NULL AND last_seen_at > $2) AS viewers";
const PRESENCES: &str = "SELECT p.id, p.user_id, p.started_at, p.last_seen_at, p.ended_at, l.ended_at AS over_at \
    FROM playbacks p JOIN live_lectures l ON l.video_id = p.video_id \
    WHERE p.video_id = $1 AND p.started_at IS NOT NULL AND p.network IS NULL \
    AND (l.ended_at IS NULL OR p.started_at < l.ended_at)";
/// A process goes on under its lease, also under one that has run out while the database was away: what it has not stored yet is
/// good. Any other gets a new one, also one that was started again: what its predecessor has begun to store must not meet its own.
const BEGIN: &str = "UPDATE live_lectures SET started_at = COALESCE(started_at, $2), published_at = $2, held_until = $3, \
    lease = CASE WHEN lease = $5 THEN lease ELSE lease + 1 END, node = $4 \
    WHERE video_id = $1 AND ended_at IS NULL RETURNING lease";
const RENEW: &str = "UPDATE live_lectures SET held_until = $4, \
    published_at = CASE WHEN $5 THEN $3 ELSE published_at END WHERE video_id = $1 AND lease = $2 AND recorded_at IS NULL";

record! {
    struct BroadcastRow {
        id: VideoId,
        owner_id: UserId,
        title: String,
        description: String,
        is_deleted: bool,
        version: i64,
        changes: i64,
        course_id: Option<CourseId>,
        starts_at: Option<Timestamp>,
        started_at: Option<Timestamp>,
        ended_at: Option<Timestamp>,
        recorded_at: Option<Timestamp>,
        key_version: i64,
        lease: i64,
        node: Option<String>,
        held_until: Option<Timestamp>,
        published_at: Option<Timestamp>,
    }
}

impl From<BroadcastRow> for Broadcast {
    fn from(row: BroadcastRow) -> Self {
        let lease = row.node.zip(row.held_until);
        Self {
            id: row.id,
            owner_id: row.owner_id,
            title: row.title,
            description: row.description,
            is_deleted: row.is_deleted,
            version: row.version,
            changes: row.changes,
            course_id: row.course_id,
            starts_at: row.starts_at,
            started_at: row.started_at,
            ended_at: row.ended_at,
            recorded_at: row.recorded_at,
            key_version: row.key_version,
            lease: lease.map(|(node, until)| Lease {
                number: row.lease,
                node,
                until,
            }),
            published_at: row.published_at,
        }
    }
}

record! {
    struct PresenceRow {
        id: PlaybackId,
        user_id: UserId,
        started_at: Timestamp,
        last_seen_at: Timestamp,
        ended_at: Option<Timestamp>,
        over_at: Option<Timestamp>,
    }
}

impl From<PresenceRow> for Presence {
    fn from(row: PresenceRow) -> Self {
        // A session that ends long after it was last seen had been left: a sign-out ends it, for example, or the next visit.
        let seen = row.last_seen_at;
        let left = row.ended_at.filter(|end| end.since(seen) <= SEEN).unwrap_or(seen);
        // What is watched after the lecture's end is its recording.
        let until = row.over_at.map_or(left, |over| left.min(over));
        Self {
            session: row.id,
            user: row.user_id,
            from: row.started_at,
            until: until.max(row.started_at),
        }
    }
}

/// How an edit of a live lecture went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edited {
    /// It is changed.
    Done,
    /// Somebody changed it since the client read it.
    Stale,
    /// It no longer exists.
    Gone,
    /// Its announced time can't change any more: it has begun.
    Begun,
}

/// Live lectures in content's schema.
#[derive(Clone)]
pub struct BroadcastRepository {
    db: Db,
}

impl BroadcastRepository {
    /// A repository on content's schema.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// Writes a new live lecture and its video, unless this request has come before.
    pub async fn create(
        &self,
        id: VideoId,
        new: &NewBroadcast,
        request: Option<&Request>,
        now: Timestamp,
    ) -> Result<Once, DbError> {
        let mut tx = self.db.write().await?;
        if let Some(request) = request {
            let once = once::claim(&mut tx, request, id.into(), now).await?;
            if once != Once::First {
                return Ok(once);
            }
        }
        tx.run(
            "INSERT INTO videos (id, owner_id, title, description, status, version, policy_version, container, generation, \
             created_at, updated_at) VALUES ($1, $2, $3, $4, 'scheduled', 1, 1, 'live', 0, $5, $5)",
            args![id, new.owner, new.title.as_str(), new.description.as_str(), now],
        )
        .await?;
        tx.run(
            "INSERT INTO live_lectures (video_id, owner_id, course_id, starts_at, key_version, lease) \
             VALUES ($1, $2, $3, $4, 1, 0)",
            args![id, new.owner, new.course_id, new.starts_at],
        )
        .await?;
        announce(&mut tx, id, VideoCreated { owner_id: new.owner }.into(), now).await?;
        tx.commit().await?;
        Ok(Once::First)
    }

    /// A live lecture, also one whose video was deleted.
    pub async fn find(&self, id: VideoId) -> Result<Option<Broadcast>, DbError> {
        let row = self.db.read().one::<BroadcastRow>(FIND, args![id]).await?;
        Ok(row.map(Broadcast::from))
    }

    /// Somebody's live lectures, the latest first.
    pub async fn list(&self, owner: UserId, last: Option<VideoId>, limit: i64) -> Result<Vec<Broadcast>, DbError> {
        let rows = self
            .db
            .read()
            .all::<BroadcastRow>(OWNED, args![limit, before(last), owner])
            .await?;
        Ok(rows.into_iter().map(Broadcast::from).collect())
    }

    /// Lectures that have begun and whose recording is not complete.
    pub async fn open(&self) -> Result<Vec<Broadcast>, DbError> {
        let rows = self.db.read().all::<BroadcastRow>(OPEN, args![]).await?;
        Ok(rows.into_iter().map(Broadcast::from).collect())
    }

    /// Changes what people say of a live lecture; `version` is the one that the client saw, if it names one.
    pub async fn edit(
        &self,
        id: VideoId,
        edit: &BroadcastEdit,
        version: Option<i64>,
        now: Timestamp,
    ) -> Result<Edited, DbError> {
        let mut tx = self.db.write().await?;
        let lock = "UPDATE videos SET version = version WHERE id = $1 AND status <> 'deleted'";
        tx.run(lock, args![id]).await?;
        let found = tx.one::<BroadcastRow>(FIND, args![id]).await?.map(Broadcast::from);
        let Some(found) = found.filter(|found| !found.is_deleted) else {
            return Ok(Edited::Gone);
        };
        if version.is_some_and(|version| version != found.version) {
            return Ok(Edited::Stale);
        }
        if let Some(starts_at) = edit.starts_at {
            if found.started_at.is_some() || found.ended_at.is_some() {
                return Ok(Edited::Begun);
            }
            let sql = "UPDATE live_lectures SET starts_at = $2 WHERE video_id = $1";
            tx.run(sql, args![id, starts_at]).await?;
        }
        tx.run(
            "UPDATE videos SET title = $2, description = $3, version = version + 1, changes = changes + 1, \
             updated_at = $4 WHERE id = $1",
            args![
                id,
                edit.title.as_deref().unwrap_or(&found.title),
                edit.description.as_deref().unwrap_or(&found.description),
                now
            ],
        )
        .await?;
        let owner_id = found.owner_id;
        announce(&mut tx, id, VideoUpdated { owner_id }.into(), now).await?;
        tx.commit().await?;
        Ok(Edited::Done)
    }

    /// Replaces the stream key.
    ///
    /// Shape: `false` if the lecture is over
    pub async fn rotate_key(&self, id: VideoId) -> Result<bool, DbError> {
        let mut tx = self.db.write().await?;
        let sql = "UPDATE live_lectures SET key_version = key_version + 1 WHERE video_id = $1 AND ended_at IS NULL";
        let rotated = tx.run(sql, args![id]).await?;
        tx.commit().await?;
        Ok(rotated > 0)
    }

    /// Gives a lecture to a node whose publisher comes, and returns the number of its lease; none if the lecture is over. `held`
    /// is the lease under which the process holds the lecture already.
    pub async fn begin(
        &self,
        (id, held): (VideoId, Option<i64>),
        node: &str,
        now: Timestamp,
    ) -> Result<Option<i64>, DbError> {
        let mut tx = self.db.write().await?;
        let values = args![id, now, now + LEASE, node, held];
        let lease = tx.one::<(i64,)>(BEGIN, values).await?;
        let Some((lease,)) = lease else {
            return Ok(None);
        };
        let sql = "UPDATE videos SET status = 'live', playable_at = $2, changes = changes + 1, updated_at = $2 \
                   WHERE id = $1 AND status = 'scheduled' RETURNING owner_id";
        if let Some((owner_id,)) = tx.one::<(UserId,)>(sql, args![id, now]).await? {
            announce(&mut tx, id, VideoLive { owner_id }.into(), now).await?;
        }
        tx.commit().await?;
        Ok(Some(lease))
    }

    /// Renews a node's lease.
    ///
    /// Shape: `false` if another node has taken the lecture, or its recording is complete
    pub async fn renew(
        &self,
        (id, lease): (VideoId, i64),
        is_published: bool,
        now: Timestamp,
    ) -> Result<bool, DbError> {
        let mut tx = self.db.write().await?;
        let values = args![id, lease, now, now + LEASE, is_published];
        let renewed = tx.run(RENEW, values).await?;
        tx.commit().await?;
        Ok(renewed > 0)
    }

    /// Ends a lecture: nobody may publish it any more.
    ///
    /// Shape: `false` if it had ended before
    pub async fn end(&self, id: VideoId, now: Timestamp) -> Result<bool, DbError> {
        let mut tx = self.db.write().await?;
        let sql = "UPDATE live_lectures SET ended_at = $2 WHERE video_id = $1 AND ended_at IS NULL RETURNING owner_id";
        let Some((owner_id,)) = tx.one::<(UserId,)>(sql, args![id, now]).await? else {
            return Ok(false);
        };
        let sql = "UPDATE videos SET changes = changes + 1, updated_at = $2 WHERE id = $1";
        tx.run(sql, args![id, now]).await?;
        announce(&mut tx, id, VideoUpdated { owner_id }.into(), now).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// How many watch a lecture now; those of one network who are not signed in count as one.
    pub async fn viewers(&self, id: VideoId, now: Timestamp) -> Result<i64, DbError> {
        let row = self.db.read().one::<(i64,)>(VIEWERS, args![id, now - SEEN]).await?;
        Ok(row.map_or(0, |(viewers,)| viewers))
    }

    /// Who has watched a lecture while it was live.
    pub async fn presences(&self, id: VideoId) -> Result<Vec<Presence>, DbError> {
        let rows = self.db.read().all::<PresenceRow>(PRESENCES, args![id]).await?;
        Ok(rows.into_iter().map(Presence::from).collect())
    }
}

async fn announce(tx: &mut Tx, id: VideoId, data: EventData, now: Timestamp) -> Result<(), DbError> {
    outbox::push(tx, &NewEvent::of_video(id, data), now).await?;
    Ok(())
}

/// Forgets a lecture whose video is deleted, in the caller's transaction.
pub async fn forget(tx: &mut Tx, id: VideoId, now: Timestamp) -> Result<(), DbError> {
    for sql in [
        "DELETE FROM live_segments WHERE video_id = $1",
        "DELETE FROM live_inits WHERE video_id = $1",
    ] {
        tx.run(sql, args![id]).await?;
    }
    let sql = "UPDATE live_lectures SET ended_at = COALESCE(ended_at, $2), recorded_at = COALESCE(recorded_at, $2), \
               node = NULL, held_until = NULL WHERE video_id = $1";
    tx.run(sql, args![id, now]).await?;
    Ok(())
}
