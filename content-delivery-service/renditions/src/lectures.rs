//! Rows of lectures, for tests: outside of tests only the service reads them.

use crate::models::lecture::{Media, Reason, Status};
use backing::db::Db;
use backing::{args, record};
use contracts::{Timestamp, VideoId};

record! {
    struct LectureRow {
        status: String,
        changes: i64,
        reason_code: Option<String>,
        reason_message: Option<String>,
        media: Option<String>,
        playable_at: Option<Timestamp>,
        ready_at: Option<Timestamp>,
    }
}

/// The columns that tests check.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Lecture {
    pub(crate) status: Status,
    pub(crate) changes: i64,
    pub(crate) reason: Option<Reason>,
    pub(crate) media: Media,
    pub(crate) playable_at: Option<Timestamp>,
    pub(crate) ready_at: Option<Timestamp>,
}

pub(crate) async fn find(db: &Db, video: VideoId) -> Lecture {
    let sql =
        "SELECT status, changes, reason_code, reason_message, media, playable_at, ready_at FROM videos WHERE id = $1";
    let row: Option<LectureRow> = db.read().one(sql, args![video]).await.unwrap();
    let row = row.unwrap();
    let message = row.reason_message.unwrap_or_default();
    let media = row.media.map(|text| serde_json::from_str(&text).unwrap());
    Lecture {
        status: row.status.parse().unwrap(),
        changes: row.changes,
        reason: row.reason_code.map(|code| Reason { code, message }),
        media: media.unwrap_or_default(),
        playable_at: row.playable_at,
        ready_at: row.ready_at,
    }
}
