//! Many lectures at once, for other services' questions.

use backing::db::{Db, DbError, Sql};
use backing::{args, record};
use contracts::{Timestamp, UserId, VideoId};
use serde_json::Value;

/// The list is JSON, so that one statement serves lists of any length.
const BY_IDS: Sql = Sql::both(
    "SELECT v.id, v.owner_id, v.title, v.status, v.duration_us, l.starts_at FROM videos v \
     LEFT JOIN live_lectures l ON l.video_id = v.id AND v.status = 'scheduled' \
     WHERE v.status <> 'deleted' AND v.id IN (SELECT unhex(value) FROM json_each($1))",
    "SELECT v.id, v.owner_id, v.title, v.status, v.duration_us, l.starts_at FROM videos v \
     LEFT JOIN live_lectures l ON l.video_id = v.id AND v.status = 'scheduled' \
     WHERE v.status <> 'deleted' AND v.id = ANY (ARRAY(SELECT json_array_elements_text($1::json)::uuid))",
);
/// By the index of statuses.
const LIVE: &str = "SELECT id FROM videos WHERE status = 'live' ORDER BY id DESC LIMIT 1000";

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
        /// When a live lecture that has not begun is to begin.
        pub starts_at: Option<Timestamp>,
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

    /// The lectures that are live now.
    pub async fn live(&self) -> Result<Vec<VideoId>, DbError> {
        let rows = self.db.read().all::<(VideoId,)>(LIVE, args![]).await?;
        Ok(rows.into_iter().map(|(id,)| id).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use renditions::schema::MIGRATIONS;
    use serde_json::json;
    use testing::databases;

    #[tokio::test]
    async fn no_statement_of_other_services_questions_reads_a_whole_table() {
        let ids = json!([VideoId::generate().0.as_simple().to_string()]);
        for test in databases("content", MIGRATIONS).await.unwrap() {
            test.reads_by_index("many lectures", BY_IDS, args![ids.clone()]).await;
            test.reads_by_index("what is live", LIVE, args![]).await;
        }
    }
}
