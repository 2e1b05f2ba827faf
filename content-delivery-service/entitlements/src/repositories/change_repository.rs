//! How far the changes of courses were read, and which of them are news.

use backing::args;
use backing::db::{Db, DbError, Sql};
use contracts::Timestamp;
use contracts::questions::LastEvent;
use serde_json::Value;
use std::collections::HashMap;
use uuid::Uuid;

/// The list is JSON, so that one statement serves lists of any length.
const KNOWN: Sql = Sql::both(
    "SELECT id, sequence FROM courses WHERE id IN (SELECT unhex(value) FROM json_each($1)) \
     UNION ALL SELECT id, sequence FROM course_members WHERE id IN (SELECT unhex(value) FROM json_each($1))",
    "SELECT id, sequence FROM courses WHERE id = ANY (ARRAY(SELECT json_array_elements_text($1::json)::uuid)) \
     UNION ALL SELECT id, sequence FROM course_members WHERE id = ANY (ARRAY(SELECT json_array_elements_text($1::json)::uuid))",
);

/// Reads and notes what was read.
#[derive(Clone)]
pub struct ChangeRepository {
    db: Db,
}

impl ChangeRepository {
    /// A repository on content's schema.
    #[must_use]
    pub const fn new(db: Db) -> Self {
        Self { db }
    }

    /// The time of the last change that was read; the beginning of time if none was.
    pub async fn read_until(&self) -> Result<Timestamp, DbError> {
        let sql = "SELECT changed_at FROM course_changes_read WHERE id = 1";
        let row = self.db.read().one::<(Timestamp,)>(sql, args![]).await?;
        Ok(row.map_or(Timestamp(0), |(at,)| at))
    }

    /// Notes the time of the last change that was read.
    pub async fn note(&self, at: Timestamp) -> Result<(), DbError> {
        let mut tx = self.db.write().await?;
        let sql = "INSERT INTO course_changes_read (id, changed_at) VALUES (1, $1) ON CONFLICT (id) DO UPDATE \
                   SET changed_at = excluded.changed_at WHERE course_changes_read.changed_at < excluded.changed_at";
        tx.run(sql, args![at]).await?;
        tx.commit().await
    }

    /// The events that are newer than what is known.
    pub async fn news(&self, events: Vec<LastEvent>) -> Result<Vec<LastEvent>, DbError> {
        if events.is_empty() {
            return Ok(events);
        }
        let ids: Value = events.iter().map(|it| it.subject.as_simple().to_string()).collect();
        let known = self.db.read().all::<(Uuid, i64)>(KNOWN, args![ids]).await?;
        let known: HashMap<Uuid, i64> = known.into_iter().collect();
        let is_news = |it: &LastEvent| known.get(&it.subject).is_none_or(|sequence| *sequence < it.sequence);
        Ok(events.into_iter().filter(is_news).collect())
    }
}
