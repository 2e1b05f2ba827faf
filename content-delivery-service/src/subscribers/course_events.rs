//! Follows what decides who may watch: courses, their members, and edits of lectures.

use crate::services::course_service::CourseService;
use async_trait::async_trait;
use backing::bus::{After, Handler, Refused, Subscription};
use backing::{Clock, Db, Tx};
use contracts::events::{CONTENT_TOPIC, COURSES_TOPIC};
use contracts::{Event, EventData};
use std::sync::Arc;

/// The group whose inbox remembers which events of courses were handled.
const GROUP: &str = "content-courses";

/// Handles the events of `moocflix.courses` and `moocflix.content`.
struct CourseEvents {
    courses: CourseService,
}

/// The group's subscription, with its effects in the content schema.
pub(crate) fn subscription(courses: CourseService, db: Db, clock: Clock) -> Subscription {
    Subscription {
        group: GROUP,
        topics: &[COURSES_TOPIC, CONTENT_TOPIC],
        db,
        clock,
        handler: Arc::new(CourseEvents { courses }),
    }
}

#[async_trait]
impl Handler for CourseEvents {
    async fn apply(&self, tx: &mut Tx, event: &Event) -> Result<After, Refused> {
        Ok(match &event.data {
            EventData::VideoUpdated(_) => self.courses.lecture_changed(tx, event.subject.into()).await?,
            _ => self.courses.take_in(tx, event).await?,
        })
    }
}
