//! Follows courses and their members.

use crate::services::course_service::CourseService;
use async_trait::async_trait;
use backing::bus::{After, Handler, Refused, Subscription};
use backing::{Clock, Db, Tx};
use contracts::Event;
use contracts::events::COURSES_TOPIC;
use std::sync::Arc;

/// The group whose inbox remembers which events of courses were handled.
const GROUP: &str = "content-courses";

/// Handles the events of `moocflix.courses`.
struct CourseEvents {
    courses: CourseService,
}

/// The group's subscription, with its effects in the content schema.
pub(crate) fn subscription(courses: CourseService, db: Db, clock: Clock) -> Subscription {
    Subscription {
        group: GROUP,
        topics: &[COURSES_TOPIC],
        db,
        clock,
        handler: Arc::new(CourseEvents { courses }),
    }
}

#[async_trait]
impl Handler for CourseEvents {
    async fn apply(&self, tx: &mut Tx, event: &Event) -> Result<After, Refused> {
        Ok(self.courses.take_in(tx, event).await?)
    }
}
