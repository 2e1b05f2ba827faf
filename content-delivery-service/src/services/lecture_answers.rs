//! Answers what other services ask about lectures.

use crate::repositories::videos::lecture_repository::{LectureRepository, LectureRow};
use async_trait::async_trait;
use backing::Db;
use contracts::questions::{Lecture, Lectures, Unanswered};
use contracts::{UserId, VideoId};
use entitlements::models::rights::{Asker, Right};
use renditions::models::lecture::Status;
use std::time::Duration;

/// The answers of this service's own database.
#[derive(Clone)]
pub struct LectureAnswers {
    lectures: LectureRepository,
}

impl LectureAnswers {
    /// Answers from this service's schema.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self {
            lectures: LectureRepository::new(db),
        }
    }
}

#[async_trait]
impl Lectures for LectureAnswers {
    async fn lectures(&self, ids: &[VideoId], user: UserId, is_admin: bool) -> Result<Vec<Lecture>, Unanswered> {
        let asker = Asker::of_question(user, is_admin);
        let found = self.lectures.by_ids(ids).await.map_err(unanswered)?;
        let lecture = |row: LectureRow| Lecture {
            id: row.id,
            is_administered: asker.right(row.owner_id) >= Right::Administer,
            is_playable: row.status.parse::<Status>().is_ok_and(Status::can_be_watched),
            duration: row.duration_us.map(|us| Duration::from_micros(us.unsigned_abs())),
            starts_at: row.starts_at,
            title: row.title,
            status: row.status,
        };
        Ok(found.into_iter().map(lecture).collect())
    }

    async fn live(&self) -> Result<Vec<VideoId>, Unanswered> {
        self.lectures.live().await.map_err(unanswered)
    }
}

/// What a service gets to know of a failure here.
pub(crate) fn unanswered(error: impl std::fmt::Display) -> Unanswered {
    Unanswered(format!("the content service can't answer: {error}"))
}
