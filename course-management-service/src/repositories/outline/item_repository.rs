//! The items of a course.

use crate::models::outline::module::VIDEO;
use crate::repositories::rows::{NotDone, begin_edit, claimed, commit_edit, count, publish_course};
use backing::args;
use backing::audit::NewEntry;
use backing::db::{Db, Tx};
use backing::once::Request;
use contracts::{CourseId, ItemId, ModuleId, Timestamp, VideoId};

/// The most items of a course.
const MAX_ITEMS: i64 = 1_000;

/// Items in the database.
#[derive(Clone)]
pub struct ItemRepository {
    db: Db,
}

impl ItemRepository {
    /// A repository on this service's schema.
    #[must_use]
    pub const fn new(db: Db) -> Self {
        Self { db }
    }

    /// Adds a lecture at the end of a module; returns the item's id, or the id of the one that a repeated request has added
    /// before.
    ///
    /// Errors: `Missing`, `Stale`, `TooMany`, `KeyReused`, or what the database reports
    pub async fn add(
        &self,
        (course, module): (CourseId, ModuleId),
        (video, title): (VideoId, &str),
        (version, request): (Option<i64>, Option<&Request>),
        (now, audit): (Timestamp, Option<&NewEntry>),
    ) -> Result<ItemId, NotDone> {
        let (mut tx, id) = (self.db.write().await?, ItemId::generate());
        if let Some(before) = claimed(&mut tx, request, id.into(), now).await? {
            return Ok(before.into());
        }
        begin_edit(&mut tx, course, version, now).await?;
        let there = "SELECT count(*) FROM modules WHERE id = $1 AND course_id = $2";
        let there = tx.one::<(i64,)>(there, args![module, course]).await?;
        if there.is_none_or(|(count,)| count == 0) {
            return Err(NotDone::Missing("module"));
        }
        let present = "SELECT count(*) FROM items WHERE course_id = $1";
        if count(&mut tx, present, course.into()).await? >= MAX_ITEMS {
            return Err(NotDone::TooMany("items in a course", MAX_ITEMS));
        }
        tx.run(
            "INSERT INTO items (id, course_id, module_id, place, kind, content_id, title) VALUES ($1, $2, $3, \
             (SELECT COALESCE(MAX(place), 0) + 1 FROM items WHERE module_id = $3), $4, $5, $6)",
            args![id, course, module, VIDEO, video, title],
        )
        .await?;
        commit_edit(tx, course, audit, now).await?;
        Ok(id)
    }

    /// Gives an item another title.
    ///
    /// Errors: `Missing`, `Stale`, or what the database reports
    pub async fn rename(
        &self,
        (course, module, item): (CourseId, ModuleId, ItemId),
        version: Option<i64>,
        title: &str,
        (now, audit): (Timestamp, Option<&NewEntry>),
    ) -> Result<(), NotDone> {
        let mut tx = self.db.write().await?;
        begin_edit(&mut tx, course, version, now).await?;
        let sql = "UPDATE items SET title = $4 WHERE id = $1 AND module_id = $2 AND course_id = $3";
        if tx.run(sql, args![item, module, course, title]).await? == 0 {
            return Err(NotDone::Missing("item"));
        }
        commit_edit(tx, course, audit, now).await
    }

    /// Removes an item; its lecture stays.
    ///
    /// Errors: `Missing`, `Stale`, or what the database reports
    pub async fn remove(
        &self,
        (course, module, item): (CourseId, ModuleId, ItemId),
        version: Option<i64>,
        (now, audit): (Timestamp, Option<&NewEntry>),
    ) -> Result<(), NotDone> {
        let mut tx = self.db.write().await?;
        begin_edit(&mut tx, course, version, now).await?;
        let sql = "DELETE FROM items WHERE id = $1 AND module_id = $2 AND course_id = $3";
        if tx.run(sql, args![item, module, course]).await? == 0 {
            return Err(NotDone::Missing("item"));
        }
        commit_edit(tx, course, audit, now).await
    }

    /// Removes every item with a lecture, which stays.
    ///
    /// Errors: `Missing`, or what the database reports
    pub async fn take_out(
        &self,
        (course, video): (CourseId, VideoId),
        (now, audit): (Timestamp, Option<&NewEntry>),
    ) -> Result<(), NotDone> {
        let mut tx = self.db.write().await?;
        begin_edit(&mut tx, course, None, now).await?;
        let sql = "DELETE FROM items WHERE course_id = $1 AND content_id = $2";
        if tx.run(sql, args![course, video]).await? == 0 {
            return Err(NotDone::Missing("item"));
        }
        commit_edit(tx, course, audit, now).await
    }
}

/// Notes in all courses that a video was deleted, in the caller's transaction.
pub(crate) async fn mark_deleted(tx: &mut Tx, video: VideoId, now: Timestamp) -> Result<(), NotDone> {
    // In one order everywhere: two events at the same time must not wait for each other's courses.
    let sql = "SELECT DISTINCT course_id FROM items WHERE content_id = $1 AND deleted_at IS NULL ORDER BY course_id";
    let mut changed = Vec::new();
    for (course,) in tx.all::<(CourseId,)>(sql, args![video]).await? {
        // Locks the course, whose event must have what is committed; this is no edit.
        let sql = "UPDATE courses SET updated_at = $2 WHERE id = $1";
        tx.run(sql, args![course, now]).await?;
        let sql = "UPDATE items SET deleted_at = $3 WHERE course_id = $1 AND content_id = $2 AND deleted_at IS NULL";
        if tx.run(sql, args![course, video, now]).await? > 0 {
            changed.push(course);
        }
    }
    for course in changed {
        publish_course(tx, course, now).await?;
    }
    Ok(())
}
