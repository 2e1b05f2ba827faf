//! The modules of a course, and the order of everything in it.

use crate::models::outline::arrangement::{Arranged, is_complete};
use crate::models::outline::module::ModuleChange;
use crate::repositories::rows::{NotDone, begin_edit, claimed, commit_edit, count};
use backing::audit::NewEntry;
use backing::db::{Db, DbError, Sql, Tx};
use backing::once::Request;
use backing::{args, record};
use contracts::{CourseId, ItemId, ModuleId, Timestamp, VideoId};
use serde_json::Value;

/// The most modules of a course.
const MAX_MODULES: i64 = 100;

record! {
    /// A module as it is stored.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct StoredModule {
        /// Its id.
        pub id: ModuleId,
        /// One line.
        pub title: String,
        /// When learners may watch it.
        pub opens_at: Option<Timestamp>,
    }
}

record! {
    /// An item as it is stored.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct StoredItem {
        /// Its id.
        pub id: ItemId,
        /// Its module.
        pub module_id: ModuleId,
        /// The lecture.
        pub content_id: VideoId,
        /// One line.
        pub title: String,
        /// When the lecture was deleted.
        pub deleted_at: Option<Timestamp>,
    }
}

const MODULES: &str = "SELECT id, title, opens_at FROM modules WHERE course_id = $1 ORDER BY place, id";
const ITEMS: &str =
    "SELECT id, module_id, content_id, title, deleted_at FROM items WHERE course_id = $1 ORDER BY place, id";
/// The lists are JSON, so that one statement serves lists of any length.
macro_rules! modules_with {
    ($courses:literal, $lectures:literal) => {
        concat!(
            "SELECT DISTINCT i.course_id, m.opens_at FROM items i JOIN modules m ON m.id = i.module_id WHERE i.course_id ",
            $courses,
            " AND i.deleted_at IS NULL AND i.content_id ",
            $lectures
        )
    };
}
const MODULES_WITH: Sql = Sql::both(
    modules_with!(
        "IN (SELECT unhex(value) FROM json_each($1))",
        "IN (SELECT unhex(value) FROM json_each($2))"
    ),
    modules_with!(
        "= ANY (ARRAY(SELECT json_array_elements_text($1::json)::uuid))",
        "= ANY (ARRAY(SELECT json_array_elements_text($2::json)::uuid))"
    ),
);

/// Outlines in the database.
#[derive(Clone)]
pub struct OutlineRepository {
    db: Db,
}

impl OutlineRepository {
    /// A repository on this service's schema.
    #[must_use]
    pub const fn new(db: Db) -> Self {
        Self { db }
    }

    /// The modules and the items of a course, both in their order.
    pub async fn outline(&self, course: CourseId) -> Result<(Vec<StoredModule>, Vec<StoredItem>), DbError> {
        let mut snapshot = self.db.snapshot().await?;
        let modules = snapshot.all::<StoredModule>(MODULES, args![course]).await?;
        let items = snapshot.all::<StoredItem>(ITEMS, args![course]).await?;
        Ok((modules, items))
    }

    /// The courses among these that have one of these lectures, and when each module with one opens.
    pub async fn modules_with(
        &self,
        courses: &[CourseId],
        lectures: &[VideoId],
    ) -> Result<Vec<(CourseId, Option<Timestamp>)>, DbError> {
        let courses: Value = courses.iter().map(|id| id.0.as_simple().to_string()).collect();
        let lectures: Value = lectures.iter().map(|id| id.0.as_simple().to_string()).collect();
        self.db.read().all(MODULES_WITH, args![courses, lectures]).await
    }

    /// Adds a module at the end; returns its id, or the id of the one that a repeated request has added before.
    ///
    /// Errors: `Missing`, `Stale`, `TooMany`, `KeyReused`, or what the database reports
    pub async fn add_module(
        &self,
        course: CourseId,
        (title, opens_at): (&str, Option<Timestamp>),
        (version, request): (Option<i64>, Option<&Request>),
        (now, audit): (Timestamp, Option<&NewEntry>),
    ) -> Result<ModuleId, NotDone> {
        let (mut tx, id) = (self.db.write().await?, ModuleId::generate());
        if let Some(before) = claimed(&mut tx, request, id.into(), now).await? {
            return Ok(before.into());
        }
        begin_edit(&mut tx, course, version, now).await?;
        let present = "SELECT count(*) FROM modules WHERE course_id = $1";
        if count(&mut tx, present, course.into()).await? >= MAX_MODULES {
            return Err(NotDone::TooMany("modules in a course", MAX_MODULES));
        }
        tx.run(
            "INSERT INTO modules (id, course_id, place, title, opens_at) VALUES ($1, $2, \
             (SELECT COALESCE(MAX(place), 0) + 1 FROM modules WHERE course_id = $2), $3, $4)",
            args![id, course, title, opens_at],
        )
        .await?;
        commit_edit(tx, course, audit, now).await?;
        Ok(id)
    }

    /// Changes a module.
    ///
    /// Errors: `Missing`, `Stale`, or what the database reports
    pub async fn change_module(
        &self,
        (course, module): (CourseId, ModuleId),
        version: Option<i64>,
        change: &ModuleChange,
        (now, audit): (Timestamp, Option<&NewEntry>),
    ) -> Result<(), NotDone> {
        let mut tx = self.db.write().await?;
        begin_edit(&mut tx, course, version, now).await?;
        let sql = "SELECT id, title, opens_at FROM modules WHERE id = $1 AND course_id = $2";
        let before = tx.one::<StoredModule>(sql, args![module, course]).await?;
        let before = before.ok_or(NotDone::Missing("module"))?;
        let title = change.title.as_ref().unwrap_or(&before.title);
        let opens_at = change.opens_at.unwrap_or(before.opens_at);
        let sql = "UPDATE modules SET title = $2, opens_at = $3 WHERE id = $1";
        tx.run(sql, args![module, title, opens_at]).await?;
        commit_edit(tx, course, audit, now).await
    }

    /// Removes a module with its items.
    ///
    /// Errors: `Missing`, `Stale`, or what the database reports
    pub async fn remove_module(
        &self,
        (course, module): (CourseId, ModuleId),
        version: Option<i64>,
        (now, audit): (Timestamp, Option<&NewEntry>),
    ) -> Result<(), NotDone> {
        let mut tx = self.db.write().await?;
        begin_edit(&mut tx, course, version, now).await?;
        let sql = "DELETE FROM modules WHERE id = $1 AND course_id = $2";
        if tx.run(sql, args![module, course]).await? == 0 {
            return Err(NotDone::Missing("module"));
        }
        commit_edit(tx, course, audit, now).await
    }

    /// Puts modules and items into an order, which must name each of them once.
    ///
    /// Errors: `Missing`, `Stale`, `Incomplete`, or what the database reports
    pub async fn order(
        &self,
        course: CourseId,
        version: i64,
        order: &[Arranged],
        (now, audit): (Timestamp, Option<&NewEntry>),
    ) -> Result<(), NotDone> {
        let mut tx = self.db.write().await?;
        begin_edit(&mut tx, course, Some(version), now).await?;
        let present = arrangement(&mut tx, course).await?;
        if !is_complete(order, &present) {
            return Err(NotDone::Incomplete);
        }
        for (place, (module, items)) in (1_i64..).zip(order) {
            let sql = "UPDATE modules SET place = $2 WHERE id = $1 AND place <> $2";
            tx.run(sql, args![*module, place]).await?;
            for (place, item) in (1_i64..).zip(items) {
                let sql =
                    "UPDATE items SET module_id = $2, place = $3 WHERE id = $1 AND (module_id <> $2 OR place <> $3)";
                tx.run(sql, args![*item, *module, place]).await?;
            }
        }
        commit_edit(tx, course, audit, now).await
    }
}

/// The present order of a course.
async fn arrangement(tx: &mut Tx, course: CourseId) -> Result<Vec<Arranged>, DbError> {
    let modules = tx.all::<StoredModule>(MODULES, args![course]).await?;
    let items = tx.all::<StoredItem>(ITEMS, args![course]).await?;
    let of_module = |module: &StoredModule| {
        let items = items.iter().filter(|item| item.module_id == module.id);
        (module.id, items.map(|item| item.id).collect())
    };
    Ok(modules.iter().map(of_module).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MIGRATIONS, NAME};
    use serde_json::json;
    use testing::databases;

    #[tokio::test]
    async fn what_is_live_in_courses_is_read_by_index() {
        let list = |id: uuid::Uuid| json!([id.as_simple().to_string()]);
        let (courses, lectures) = (list(CourseId::generate().0), list(VideoId::generate().0));
        for test in databases(NAME, MIGRATIONS).await.unwrap() {
            let values = args![courses.clone(), lectures.clone()];
            test.reads_by_index("modules with lectures", MODULES_WITH, values).await;
        }
    }
}
