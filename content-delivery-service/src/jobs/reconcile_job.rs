//! Asks course-management for changes that no event has brought.

use crate::services::course_service::CourseService;
use runtime::Shutdown;
use std::time::Duration;

/// How often it is asked; with the time that asking takes, a lost event is repaired within a minute.
const EVERY: Duration = Duration::from_secs(30);

/// Reconciles from time to time, and at once when an event is missing, until the process ends.
pub(crate) async fn run(courses: CourseService, shutdown: Shutdown) -> Result<(), String> {
    loop {
        if let Err(error) = courses.reconcile().await {
            tracing::warn!(%error, "courses could not be reconciled");
        }
        tokio::select! {
            () = shutdown.requested() => return Ok(()),
            () = courses.missing() => {}
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}
