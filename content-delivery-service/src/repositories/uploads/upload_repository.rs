//! Uploads in the database.
//!
//! The writer of an upload holds its fence, a number that each new writer raises; writes with an older fence change
//! nothing.

use crate::models::uploads::upload::{Upload, UploadState};
use backing::db::{Db, DbError, Tx, Value};
use backing::tasks;
use backing::{args, outbox, record};
use contracts::events::VideoUploaded;
use contracts::{NewEvent, Timestamp, UserId, VideoId};
use renditions::repositories::per_videos::{PAGE, PerVideos, padded};
use renditions::tasks::ScanTask;
use std::sync::LazyLock;

macro_rules! columns {
    () => {
        "video_id, owner_id, length, bytes_received, sink_state, metadata, head, resumable, key_version, \
    writer, state, touched_at, expires_at"
    };
}

static OF_VIDEOS: LazyLock<PerVideos> = LazyLock::new(|| {
    let sql = concat!("SELECT ", columns!(), " FROM uploads WHERE video_id IN ({videos})");
    PerVideos::new(sql, 1)
});

record! {
    struct UploadRow {
        video_id: VideoId,
        owner_id: UserId,
        length: Option<i64>,
        bytes_received: i64,
        sink_state: Option<String>,
        metadata: String,
        head: Vec<u8>,
        resumable: bool,
        key_version: i64,
        writer: i64,
        state: String,
        touched_at: Timestamp,
        expires_at: Timestamp,
    }
}

record! {
    struct IdRow {
        video_id: VideoId,
    }
}

record! {
    struct RevokedRow {
        video_id: VideoId,
        state: String,
    }
}

record! {
    struct OwnerRow {
        owner_id: UserId,
        bytes_received: i64,
    }
}

impl From<UploadRow> for Upload {
    fn from(row: UploadRow) -> Self {
        Self {
            video_id: row.video_id,
            owner_id: row.owner_id,
            length: row.length.map(i64::unsigned_abs),
            offset: row.bytes_received.unsigned_abs(),
            sink_state: row.sink_state,
            metadata: row.metadata,
            head: row.head,
            resumable: row.resumable,
            key_version: row.key_version,
            // A state of a newer version: nobody may write it.
            state: UploadState::parse(&row.state).unwrap_or(UploadState::Finished),
            touched_at: row.touched_at,
            expires_at: row.expires_at,
        }
    }
}

/// An upload that only its holder may write.
#[derive(Debug)]
pub struct Claim {
    /// The upload when it was claimed.
    pub upload: Upload,
    /// The number that the writer sends with each change.
    pub fence: i64,
}

/// How far a writer is.
#[derive(Debug, Clone)]
pub struct DurableProgress {
    /// Bytes that are durable.
    pub offset: u64,
    /// What the sink keeps about it, in JSON.
    pub sink_state: Option<String>,
    /// The first bytes, until enough came to recognise the file's type.
    pub head: Vec<u8>,
}

/// Uploads in the database.
#[derive(Clone)]
pub struct UploadRepository {
    db: Db,
}

impl UploadRepository {
    /// A repository on content's schema.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// An upload, also a finished one.
    pub async fn find(&self, id: VideoId) -> Result<Option<Upload>, DbError> {
        let sql = concat!("SELECT ", columns!(), " FROM uploads WHERE video_id = $1");
        Ok(self.db.read().one::<UploadRow>(sql, args![id]).await?.map(Upload::from))
    }

    /// Uploads of a page of videos, also finished ones.
    pub async fn find_all(&self, ids: &[VideoId]) -> Result<Vec<Upload>, DbError> {
        let mut all = Vec::new();
        for page in ids.chunks(PAGE) {
            let values = padded(page).into_iter().map(Value::from).collect();
            let rows = self.db.read().all::<UploadRow>(OF_VIDEOS.text(page), values).await?;
            all.extend(rows.into_iter().map(Upload::from));
        }
        Ok(all)
    }

    /// Makes the caller the writer; `None` if the upload is not open at this offset, or its writer sent something
    /// after `silent_since`.
    pub async fn claim(
        &self,
        id: VideoId,
        offset: u64,
        now: Timestamp,
        silent_since: Timestamp,
    ) -> Result<Option<Claim>, DbError> {
        let mut tx = self.db.write().await?;
        let taken = tx
            .run(
                "UPDATE uploads SET writer = writer + 1, writer_seen_at = $1 WHERE video_id = $2 AND state = 'open' \
                 AND bytes_received = $3 AND (writer_seen_at IS NULL OR writer_seen_at <= $4)",
                args![now, id, number(offset), silent_since],
            )
            .await?;
        if taken == 0 {
            return Ok(None);
        }
        let sql = concat!("SELECT ", columns!(), " FROM uploads WHERE video_id = $1");
        let Some(row) = tx.one::<UploadRow>(sql, args![id]).await? else {
            return Ok(None);
        };
        tx.commit().await?;
        let fence = row.writer;
        Ok(Some(Claim {
            upload: row.into(),
            fence,
        }))
    }

    /// Notes how many bytes are durable; `false` if another writer has taken over. `last` releases the upload.
    pub async fn checkpoint(
        &self,
        id: VideoId,
        fence: i64,
        progress: &DurableProgress,
        now: Timestamp,
        expires_at: Timestamp,
        last: bool,
    ) -> Result<bool, DbError> {
        let mut tx = self.db.write().await?;
        let written = tx
            .run(
                "UPDATE uploads SET bytes_received = $1, sink_state = $2, head = $3, touched_at = $4, expires_at = $5, \
                 writer_seen_at = $6 WHERE video_id = $7 AND writer = $8 AND state = 'open' AND bytes_received <= $1",
                args![
                    number(progress.offset),
                    progress.sink_state.clone(),
                    progress.head.clone(),
                    now,
                    expires_at,
                    (!last).then_some(now),
                    id,
                    fence
                ],
            )
            .await?;
        tx.commit().await?;
        Ok(written > 0)
    }

    /// Notes that the last byte is stored; from now on the upload will be finished, even after a crash.
    pub async fn complete(
        &self,
        id: VideoId,
        fence: i64,
        progress: &DurableProgress,
        now: Timestamp,
    ) -> Result<bool, DbError> {
        let mut tx = self.db.write().await?;
        let written = tx
            .run(
                "UPDATE uploads SET state = 'finishing', bytes_received = $1, length = $1, sink_state = $2, head = $3, \
                 touched_at = $4, writer_seen_at = NULL WHERE video_id = $5 AND writer = $6 AND state = 'open'",
                args![
                    number(progress.offset),
                    progress.sink_state.clone(),
                    Vec::<u8>::new(),
                    now,
                    id,
                    fence
                ],
            )
            .await?;
        tx.commit().await?;
        Ok(written > 0)
    }

    /// Uploads whose last byte was stored before `before` and that are not finished yet.
    pub async fn unfinished_business(&self, before: Timestamp, limit: i64) -> Result<Vec<VideoId>, DbError> {
        let sql = "SELECT u.video_id AS video_id FROM uploads u JOIN videos v ON v.id = u.video_id \
            WHERE u.state = 'finishing' AND u.touched_at <= $1 AND v.status = 'uploading' ORDER BY u.touched_at LIMIT $2";
        let rows = self.db.read().all::<IdRow>(sql, args![before, limit]).await?;
        Ok(rows.into_iter().map(|row| row.video_id).collect())
    }

    /// Hands a lecture whose object is in its place to the scan. `false` if that was done before or the lecture is gone.
    pub async fn finish(&self, id: VideoId, now: Timestamp) -> Result<bool, DbError> {
        let mut tx = self.db.write().await?;
        let sql = "SELECT owner_id, bytes_received FROM uploads WHERE video_id = $1 AND state = 'finishing'";
        let Some(row) = tx.one::<OwnerRow>(sql, args![id]).await? else {
            return Ok(false);
        };
        tx.run(
            "UPDATE uploads SET state = 'finished', touched_at = $1 WHERE video_id = $2",
            args![now, id],
        )
        .await?;
        let moved = tx
            .run(
                "UPDATE videos SET status = 'processing', bytes = $1, changes = changes + 1, updated_at = $2 \
                 WHERE id = $3 AND status = 'uploading'",
                args![row.bytes_received, now, id],
            )
            .await?;
        if moved == 0 {
            return Ok(false);
        }
        let scan = ScanTask { video_id: id }.task(row.owner_id, now);
        tasks::enqueue(&mut tx, &scan).await?;
        let event = VideoUploaded {
            owner_id: row.owner_id,
            bytes: row.bytes_received,
        };
        outbox::push(&mut tx, &NewEvent::of_video(id, event.into()), now).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Open uploads that nobody continued in time.
    pub async fn expired(&self, now: Timestamp, limit: i64) -> Result<Vec<VideoId>, DbError> {
        let sql = "SELECT u.video_id AS video_id FROM uploads u JOIN videos v ON v.id = u.video_id \
            WHERE u.state = 'open' AND u.expires_at <= $1 AND v.status = 'uploading' ORDER BY u.expires_at LIMIT $2";
        let rows = self.db.read().all::<IdRow>(sql, args![now, limit]).await?;
        Ok(rows.into_iter().map(|row| row.video_id).collect())
    }
}

/// Revokes the keys of a user's uploads that began until `at`, fences their writers off, and returns those that are open.
///
/// A revocation that comes again, or after a later one, changes nothing.
pub async fn revoke_keys(tx: &mut Tx, owner: UserId, at: Timestamp) -> Result<Vec<VideoId>, DbError> {
    let sql = "UPDATE uploads SET key_version = key_version + 1, keys_revoked_at = $2, writer = writer + 1, \
        writer_seen_at = NULL WHERE owner_id = $1 AND (keys_revoked_at IS NULL OR keys_revoked_at < $2) AND EXISTS ( \
        SELECT 1 FROM videos WHERE videos.id = uploads.video_id AND videos.created_at <= $2) \
        RETURNING video_id, state";
    let revoked = tx.all::<RevokedRow>(sql, args![owner, at]).await?;
    let open = revoked.into_iter().filter(|row| row.state != "finished");
    Ok(open.map(|row| row.video_id).collect())
}

/// Whether an upload is open and its time is over, as the caller's transaction sees it.
pub(crate) async fn is_expired(tx: &mut Tx, id: VideoId, now: Timestamp) -> Result<bool, DbError> {
    let sql = "SELECT video_id FROM uploads WHERE video_id = $1 AND state = 'open' AND expires_at <= $2";
    Ok(tx.one::<IdRow>(sql, args![id, now]).await?.is_some())
}

/// Ends a deleted lecture's upload, and fences its writer off.
pub(crate) async fn forget(tx: &mut Tx, id: VideoId, now: Timestamp) -> Result<(), DbError> {
    let sql = "UPDATE uploads SET writer = writer + 1, writer_seen_at = NULL, head = $1, state = 'finished', \
        touched_at = $3 WHERE video_id = $2";
    tx.run(sql, args![Vec::<u8>::new(), id, now]).await?;
    Ok(())
}

/// Removes from an upload's row the details of a source whose bytes are gone.
pub(crate) async fn forget_source(tx: &mut Tx, id: VideoId) -> Result<(), DbError> {
    let sql = "UPDATE uploads SET sink_state = NULL, metadata = '' WHERE video_id = $1";
    tx.run(sql, args![id]).await?;
    Ok(())
}

/// Removes the row of an upload.
pub(crate) async fn remove(tx: &mut Tx, id: VideoId) -> Result<(), DbError> {
    tx.run("DELETE FROM uploads WHERE video_id = $1", args![id]).await?;
    Ok(())
}

fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
