//! How far the changes of courses were read.

use backing::args;
use backing::db::{Db, DbError};
use contracts::Timestamp;

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
}
