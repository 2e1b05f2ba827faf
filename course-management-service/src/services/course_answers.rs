//! Answers what other services ask about courses and their members.

use crate::repositories::courses::change_repository::ChangeRepository;
use async_trait::async_trait;
use backing::{Db, DbError};
use contracts::CourseId;
use contracts::questions::{ChangePosition, Changes, CourseHistory, Courses, Unanswered};

/// How many changes one answer has at most.
const MOST: usize = 500;
/// How many members one part of a history has at most: whoever asks waits for two seconds, and an answer is held in memory.
const MOST_MEMBERS: usize = 2_000;

/// The answers of this service's own database.
#[derive(Clone)]
pub struct CourseAnswers {
    changes: ChangeRepository,
}

impl CourseAnswers {
    /// Answers from this service's schema.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self {
            changes: ChangeRepository::new(db),
        }
    }
}

#[async_trait]
impl Courses for CourseAnswers {
    async fn changed_after(&self, position: ChangePosition) -> Result<Changes, Unanswered> {
        let changed = self.changes.changed_after(position, MOST).await;
        let (courses, next) = changed.map_err(|error| unanswered(&error))?;
        Ok(Changes { courses, next })
    }

    async fn history(&self, course: CourseId, after: i64) -> Result<Option<CourseHistory>, Unanswered> {
        let history = self.changes.history(course, after, MOST_MEMBERS).await;
        history.map_err(|error| unanswered(&error))
    }
}

fn unanswered(error: &DbError) -> Unanswered {
    Unanswered(format!("course-management can't answer: {error}"))
}
