//! Lectures in the database.

use crate::models::uploads::creation::NewUpload;
use crate::models::uploads::usage::{Allowance, Excess, Usage};
use crate::models::videos::video::Video;
use crate::models::videos::video_edit::VideoEdit;
use crate::repositories::playback::playback_repository::end_all;
use crate::repositories::uploads::usage;
use backing::audit::{self, NewEntry};
use backing::cache::{Cache, load};
use backing::db::{Db, DbError, Sql, Tx, Value, before};
use backing::once::{self, Once, Request};
use backing::{args, outbox, record};
use bytes::Bytes;
use contracts::events::{VideoCreated, VideoUpdated};
use contracts::{NewEvent, PlaybackId, Timestamp, UserId, VideoId};
use entitlements::models::change::Affected;
use entitlements::models::grounds::Viewing;
use entitlements::models::sharing::{ShareKey, Visibility};
use entitlements::repositories::grounds_repository::{Situation, viewings};
use renditions::models::lecture::{Media, Reason, Status};
use serde::{Deserialize, Serialize};
use std::time::Duration;

macro_rules! columns {
    () => {
        "id, owner_id, title, description, visibility, share_key, status, reason_code, reason_message, version, changes, policy_version, \
    filename, container, bytes, duration_us, media, generation, created_at, updated_at, playable_at, ready_at, deleted_at"
    };
}

macro_rules! listed {
    ($from:literal, $($where:tt)*) => {
        concat!(
            "SELECT ",
            columns!(),
            " FROM ",
            $from,
            " WHERE status <> 'deleted' AND id < $2",
            $($where)*,
            " ORDER BY id DESC LIMIT $1"
        )
    };
}

/// The condition of the index `videos_by_failure`.
macro_rules! is_failed {
    () => {
        " AND (status = 'failed' OR (reason_code IS NOT NULL AND status IN ('playable', 'ready')))"
    };
}

/// SQLite would rather collect the statuses by their index, and sort.
macro_rules! failed {
    ($($where:tt)*) => {
        Sql::both(
            listed!("videos INDEXED BY videos_by_failure", $($where)*, is_failed!()),
            listed!("videos", $($where)*, is_failed!()),
        )
    };
}

/// A statement each, so that each list uses its own index: the primary key, one of statuses, of failures, of an owner. With
/// `status || ''`, engines leave the index of statuses alone where another one leads to fewer rows.
const EVERYBODYS: &str = listed!("videos", "");
const OF_STATUS: &str = listed!("videos", " AND status = $3");
const FAILED: Sql = failed!("");
const FAILED_OF_STATUS: Sql = failed!(" AND status || '' = $3");
const OWNED: &str = listed!("videos", " AND owner_id = $3");
const OWNED_OF_STATUS: &str = listed!("videos", " AND owner_id = $3 AND status || '' = $4");
const OWNED_AND_FAILED: &str = listed!("videos", " AND owner_id = $3", is_failed!());
const OWNED_AND_FAILED_OF_STATUS: &str = listed!("videos", " AND owner_id = $3 AND status || '' = $4", is_failed!());

const FIND: &str = concat!("SELECT ", columns!(), " FROM videos WHERE id = $1");

/// The list is JSON, so that one statement serves lists of any length.
const BY_IDS: Sql = Sql::both(
    concat!(
        "SELECT ",
        columns!(),
        " FROM videos WHERE status <> 'deleted' AND id IN (SELECT unhex(value) FROM json_each($1))"
    ),
    concat!(
        "SELECT ",
        columns!(),
        " FROM videos WHERE status <> 'deleted' AND id = ANY (ARRAY(SELECT json_array_elements_text($1::json)::uuid))"
    ),
);

/// Lectures that others share, by an index of their own.
const SHARED: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM videos WHERE visibility = 'signed_in' AND status || '' IN ('live', 'playable', 'ready') AND owner_id <> $3 \
     AND id < $2 ORDER BY id DESC LIMIT $1"
);

/// Which lectures to list.
#[derive(Debug, Clone, Copy)]
pub struct Listing {
    /// Whose; everybody's without it.
    pub owner: Option<UserId>,
    /// Only those of one status.
    pub status: Option<Status>,
    /// Only those of which something could not be encoded.
    pub failed: bool,
    /// Only those after this one, which is the last of the page before.
    pub before: Option<VideoId>,
    /// How many at most.
    pub limit: i64,
}

/// How long a lecture's row is kept in the cache. Every change has another key: this only bounds the memory.
const KEPT: Duration = Duration::from_secs(60);

record! {
    #[derive(Serialize, Deserialize)]
    struct VideoRow {
        id: VideoId,
        owner_id: UserId,
        title: String,
        description: String,
        visibility: String,
        share_key: Option<String>,
        status: String,
        reason_code: Option<String>,
        reason_message: Option<String>,
        version: i64,
        changes: i64,
        policy_version: i64,
        filename: Option<String>,
        container: Option<String>,
        bytes: Option<i64>,
        duration_us: Option<i64>,
        media: Option<String>,
        generation: i64,
        created_at: Timestamp,
        updated_at: Timestamp,
        playable_at: Option<Timestamp>,
        ready_at: Option<Timestamp>,
        deleted_at: Option<Timestamp>,
    }
}

impl From<VideoRow> for Video {
    fn from(row: VideoRow) -> Self {
        let reason = row.reason_code.map(|code| Reason {
            code,
            message: row.reason_message.unwrap_or_default(),
        });
        Self {
            id: row.id,
            owner_id: row.owner_id,
            title: row.title,
            description: row.description,
            // A visibility of a newer version: this one shows it to nobody else.
            visibility: row.visibility.parse().unwrap_or_default(),
            share_key: row.share_key.map(ShareKey::kept),
            // A status of a newer version: this one can neither show nor serve it.
            status: row.status.parse().unwrap_or(Status::Processing),
            reason,
            version: row.version,
            changes: row.changes,
            policy_version: row.policy_version,
            filename: row.filename,
            container: row.container,
            bytes: row.bytes,
            duration_us: row.duration_us,
            media: row
                .media
                .and_then(|text| serde_json::from_str::<Media>(&text).ok())
                .unwrap_or_default(),
            generation: row.generation,
            created_at: row.created_at,
            updated_at: row.updated_at,
            playable_at: row.playable_at,
            ready_at: row.ready_at,
            deleted_at: row.deleted_at,
        }
    }
}

/// What the cache keeps of a lecture: nothing of one that is deleted.
fn kept(row: &VideoRow) -> Option<Bytes> {
    let mut kept = serde_json::to_value(row).ok()?;
    kept["share_key"] = serde_json::Value::Null;
    let living = row.status != Status::Deleted.as_str();
    living.then(|| kept.to_string().into())
}

/// How an edit of a lecture went.
#[derive(Debug)]
pub enum Update {
    /// It is changed, and these playback sessions have ended with the right that they rested on.
    Done(Vec<PlaybackId>),
    /// Somebody changed it since the client read it.
    Stale,
    /// The lecture no longer exists.
    Gone,
}

/// Lectures in the database.
#[derive(Clone)]
pub struct VideoRepository {
    db: Db,
}

impl VideoRepository {
    /// A repository on content's schema.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// A lecture, also a deleted one.
    pub async fn find(&self, id: VideoId) -> Result<Option<Video>, DbError> {
        Ok(self.db.read().one::<VideoRow>(FIND, args![id]).await?.map(Video::from))
    }

    /// A lecture at the version at which somebody's grounds were read, or later: from the cache that nodes share, if it is
    /// there. Whoever may not know of it must not get here.
    ///
    /// The cache holds nothing that rights rest on, nor the key of its link: those come from the grounds.
    pub async fn at(&self, id: VideoId, situation: &Situation, cache: &dyn Cache) -> Result<Option<Video>, DbError> {
        let (grounds, (version, changes)) = (&situation.grounds, situation.version);
        let key = format!("video:{id}:{version}.{changes}");
        let mut read = None;
        let kept = load(cache, &key, KEPT, async {
            read = self.db.read().one::<VideoRow>(FIND, args![id]).await?;
            Ok::<_, DbError>(read.as_ref().and_then(kept))
        });
        let kept = kept.await?.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let Some(row) = read.or(kept) else {
            // Deleted, or kept by another version of this program.
            return self.find(id).await;
        };
        Ok(Some(Video {
            owner_id: grounds.owner,
            visibility: grounds.visibility,
            share_key: grounds.share_key.clone(),
            ..Video::from(row)
        }))
    }

    /// These lectures, in any order, without deleted ones.
    pub async fn by_ids(&self, ids: &[VideoId]) -> Result<Vec<Video>, DbError> {
        let ids: serde_json::Value = ids.iter().map(|id| id.0.as_simple().to_string()).collect();
        let rows = self.db.read().all::<VideoRow>(BY_IDS, args![ids]).await?;
        Ok(rows.into_iter().map(Video::from).collect())
    }

    /// Writes a new lecture and its upload, unless this request has come before.
    ///
    /// Shape: `Err` of the inner result if it does not fit the allowance; then nothing is written
    pub async fn create(
        &self,
        id: VideoId,
        new: &NewUpload,
        request: Option<&Request>,
        (now, expires_at): (Timestamp, Timestamp),
        allowance: &Allowance,
    ) -> Result<Result<Once, Excess>, DbError> {
        let mut tx = self.db.write().await?;
        if let Some(request) = request {
            let once = once::claim(&mut tx, request, id.into(), now).await?;
            if once != Once::First {
                return Ok(Ok(once));
            }
        }
        if let Some(excess) = usage::check(&mut tx, new, allowance, now).await? {
            return Ok(Err(excess));
        }
        let (visibility, share_key) = new.sharing.clone().after((Visibility::Private, None));
        tx.run(
            "INSERT INTO videos (id, owner_id, title, description, visibility, share_key, status, version, \
             policy_version, filename, generation, created_at, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $6, 'uploading', 1, 1, $7, 0, $8, $8)",
            args![
                id,
                new.owner,
                new.title.as_str(),
                new.description.as_str(),
                visibility.as_str(),
                share_key.map(|key| key.as_str().to_owned()),
                new.filename.clone(),
                now
            ],
        )
        .await?;
        let length = new.length.map(|length| i64::try_from(length).unwrap_or(i64::MAX));
        tx.run(
            "INSERT INTO uploads (video_id, owner_id, length, bytes_received, metadata, head, resumable, key_version, \
             writer, state, touched_at, expires_at) VALUES ($1, $2, $3, 0, $4, $5, $6, 1, 0, 'open', $7, $8)",
            args![
                id,
                new.owner,
                length,
                new.metadata.as_str(),
                Vec::<u8>::new(),
                new.resumable,
                now,
                expires_at
            ],
        )
        .await?;
        let event = NewEvent::of_video(id, VideoCreated { owner_id: new.owner }.into());
        outbox::push(&mut tx, &event, now).await?;
        tx.commit().await?;
        Ok(Ok(Once::First))
    }

    /// What an owner's lectures and uploads take.
    pub async fn usage(&self, owner: UserId) -> Result<Usage, DbError> {
        usage::of_owner(self.db.read(), owner).await
    }

    /// Lectures, the latest first.
    pub async fn list(&self, wanted: &Listing) -> Result<Vec<Video>, DbError> {
        let mut values = args![wanted.limit, before(wanted.before)];
        values.extend(wanted.owner.map(Value::from));
        values.extend(wanted.status.map(|status| Value::from(status.as_str())));
        let sql: Sql = match (wanted.owner.is_some(), wanted.failed, wanted.status.is_some()) {
            (false, false, false) => EVERYBODYS.into(),
            (false, false, true) => OF_STATUS.into(),
            (false, true, false) => FAILED,
            (false, true, true) => FAILED_OF_STATUS,
            (true, false, false) => OWNED.into(),
            (true, false, true) => OWNED_OF_STATUS.into(),
            (true, true, false) => OWNED_AND_FAILED.into(),
            (true, true, true) => OWNED_AND_FAILED_OF_STATUS.into(),
        };
        let rows = self.db.read().all::<VideoRow>(sql, values).await?;
        Ok(rows.into_iter().map(Video::from).collect())
    }

    /// The lectures that others share with everyone who is signed in and that can be watched, the latest first.
    pub async fn list_shared(&self, viewer: UserId, last: Option<VideoId>, limit: i64) -> Result<Vec<Video>, DbError> {
        let values = args![limit, before(last), viewer];
        let rows = self.db.read().all::<VideoRow>(SHARED, values).await?;
        Ok(rows.into_iter().map(Video::from).collect())
    }

    /// Changes what people say of a lecture; `version` is the one that the client saw, if it names one. The sessions that
    /// may not continue under its new visibility end in the same transaction.
    pub async fn update(
        &self,
        id: VideoId,
        edit: &VideoEdit,
        goes_on: &(dyn Fn(&Viewing) -> bool + Sync),
        version: Option<i64>,
        (now, audit): (Timestamp, Option<&NewEntry>),
    ) -> Result<Update, DbError> {
        let mut tx = self.db.write().await?;
        // Locks the row, so that edits at the same time come one after the other.
        let lock = "UPDATE videos SET version = version WHERE id = $1 AND status <> 'deleted'";
        tx.run(lock, args![id]).await?;
        let sql = concat!(
            "SELECT ",
            columns!(),
            " FROM videos WHERE id = $1 AND status <> 'deleted'"
        );
        let Some(video) = tx.one::<VideoRow>(sql, args![id]).await?.map(Video::from) else {
            return Ok(Update::Gone);
        };
        if version.is_some_and(|version| version != video.version) {
            return Ok(Update::Stale);
        }
        let before = (video.visibility, video.share_key);
        let (visibility, share_key) = match edit.visibility.clone() {
            Some(new) => new.after(before),
            None => before,
        };
        tx.run(
            "UPDATE videos SET title = $1, description = $2, visibility = $3, share_key = $4, version = version + 1, \
             changes = changes + 1, updated_at = $5 WHERE id = $6",
            args![
                edit.title.as_deref().unwrap_or(&video.title),
                edit.description.as_deref().unwrap_or(&video.description),
                visibility.as_str(),
                share_key.map(|key| key.as_str().to_owned()),
                now,
                id
            ],
        )
        .await?;
        let over = match edit.visibility {
            Some(_) => over(&mut tx, id, goes_on, now).await?,
            None => Vec::new(),
        };
        let event = NewEvent::of_video(
            id,
            VideoUpdated {
                owner_id: video.owner_id,
            }
            .into(),
        );
        outbox::push(&mut tx, &event, now).await?;
        if let Some(entry) = audit {
            audit::record(&mut tx, entry, now).await?;
        }
        tx.commit().await?;
        Ok(Update::Done(over))
    }
}

/// Ends the sessions of a lecture that may not continue.
async fn over(
    tx: &mut Tx,
    id: VideoId,
    goes_on: &(dyn Fn(&Viewing) -> bool + Sync),
    now: Timestamp,
) -> Result<Vec<PlaybackId>, DbError> {
    let viewings = viewings(tx, &Affected::Viewers(vec![id]), now).await?;
    let over = viewings.iter().filter(|viewing| !goes_on(viewing));
    let over: Vec<PlaybackId> = over.map(|viewing| viewing.playback).collect();
    end_all(tx, &over, now).await?;
    Ok(over)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MIGRATIONS;
    use testing::databases;

    #[tokio::test]
    async fn lists_begin_at_their_bound_whosever_and_whatever_they_are_of() {
        let (owner, last) = (UserId::generate(), VideoId::generate());
        let values = |more: Vec<Value>| args![20, last].into_iter().chain(more).collect::<Vec<_>>();
        for test in databases("content", MIGRATIONS).await.unwrap() {
            let lists: [(Sql, Vec<Value>, &str); 9] = [
                (EVERYBODYS.into(), values(args![]), "videos"),
                (OF_STATUS.into(), values(args!["processing"]), "videos_by_status"),
                (FAILED, values(args![]), "videos_by_failure"),
                (FAILED_OF_STATUS, values(args!["ready"]), "videos_by_failure"),
                (OWNED.into(), values(args![owner]), "videos_by_owner"),
                (OWNED_OF_STATUS.into(), values(args![owner, "ready"]), "videos_by_owner"),
                (OWNED_AND_FAILED.into(), values(args![owner]), "videos_by_"),
                (
                    OWNED_AND_FAILED_OF_STATUS.into(),
                    values(args![owner, "ready"]),
                    "videos_by_",
                ),
                (SHARED.into(), values(args![owner]), "videos_shared"),
            ];
            for (sql, values, index) in lists {
                let (what, _) = sql.texts();
                let plan = test.pages_by_index(what, sql, values).await;
                assert!(plan.contains(index), "{} of {what}: {plan}", test.name);
            }
            test.reads_by_index("a lecture", FIND, args![last]).await;
            test.reads_by_index("some lectures", BY_IDS, args!["[]"]).await;
        }
    }
}
