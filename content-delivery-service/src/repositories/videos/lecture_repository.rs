//! Many lectures at once, for other services' questions.

use backing::db::{Db, DbError, Sql};
use backing::{args, record};
use contracts::{UserId, VideoId};
use serde_json::Value;

/// The list is JSON, so that one statement serves lists of any length.
const BY_IDS: Sql = Sql::both(
    "SELECT id, owner_id, title, status, duration_us FROM videos \
     WHERE status <> 'deleted' AND id IN (SELECT unhex(value) FROM json_each($1))",
    "SELECT id, owner_id, title, status, duration_us FROM videos \
     WHERE status <> 'deleted' AND id = ANY (ARRAY(SELECT json_array_elements_text($1::json)::uuid))",
);

record! {
    /// What others ask of a lecture.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct LectureRow {
        /// The video.
        pub id: VideoId,
        /// Its owner.
        pub owner_id: UserId,
        /// Its title.
        pub title: String,
        /// Its status, by name.
        pub status: String,
        /// Units: microseconds
        pub duration_us: Option<i64>,
    }
}

/// Lectures in the database, as other services know them.
#[derive(Clone)]
pub struct LectureRepository {
    db: Db,
}

impl LectureRepository {
    /// A repository on content's schema.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// These lectures, in any order, without deleted ones.
    pub async fn by_ids(&self, ids: &[VideoId]) -> Result<Vec<LectureRow>, DbError> {
        let ids: Value = ids.iter().map(|id| id.0.as_simple().to_string()).collect();
        self.db.read().all::<LectureRow>(BY_IDS, args![ids]).await
    }
}
