//! Answers what other services ask about courses and their members.

use crate::repositories::courses::change_repository::ChangeRepository;
use async_trait::async_trait;
use backing::{Db, DbError};
use contracts::questions::{ChangePosition, Changes, Courses, LastEvent, Unanswered};
use contracts::{CourseId, UserId};

/// How many aggregates one answer has at most.
const MOST: i64 = 200;
/// How many modules and items the courses of one answer have at most, unless one alone has more: whoever asks waits for two
/// seconds, and an answer is held in memory.
const MOST_PARTS: i64 = 5_000;

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
        let changed = self.changes.changed_after(position, MOST, MOST_PARTS).await;
        let (events, next) = changed.map_err(|error| unanswered(&error))?;
        Ok(Changes { events, next })
    }

    async fn last_events(&self, course: CourseId, user: UserId) -> Result<Vec<LastEvent>, Unanswered> {
        let last = self.changes.last_events(course, user).await;
        last.map_err(|error| unanswered(&error))
    }
}

fn unanswered(error: &DbError) -> Unanswered {
    Unanswered(format!("course-management can't answer: {error}"))
}
