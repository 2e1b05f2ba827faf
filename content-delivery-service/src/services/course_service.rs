//! Keeps content's copy of courses, and ends the playbacks of those who may no longer watch.
//!
//! Events bring changes at once. From time to time, and when an event is missing, course-management is asked for everything
//! that has changed since; a viewer with a fresh receipt of an enrolment makes it be asked about that course alone.

use super::error::{Denied, PlaybackError};
use super::stream_service::StreamService;
use super::stream_service::opening::{Opened, Opening};
use crate::metric;
use backing::bus::After;
use backing::{Clock, Db, DbError, Tx};
use contracts::questions::{ChangePosition, Courses, LastEvent, Unanswered};
use contracts::{CourseId, Event, UserId};
use entitlements::repositories::change_repository::ChangeRepository;
use entitlements::repositories::course_repository::take_in;
use runtime::receipts::Receipts;
use runtime::{Caller, RequestId};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use uuid::Uuid;

/// How much later than its time a change may become visible in course-management's database.
const OVERLAP: Duration = Duration::from_secs(60);

/// Why the copy could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OutOfDate {
    #[error(transparent)]
    Unanswered(#[from] Unanswered),
    #[error(transparent)]
    Database(#[from] DbError),
}

/// Follows courses and memberships.
#[derive(Clone)]
pub(crate) struct CourseService(Arc<Inner>);

struct Inner {
    db: Db,
    changes: ChangeRepository,
    courses: Arc<dyn Courses>,
    streams: StreamService,
    receipts: Receipts,
    clock: Clock,
    missing: Notify,
}

impl CourseService {
    pub(crate) fn new(
        db: Db,
        courses: Arc<dyn Courses>,
        streams: StreamService,
        receipts: Receipts,
        clock: Clock,
    ) -> Self {
        // It exists from the start: most installations never count one.
        metrics::counter!(metric::COURSE_CHANGES_REPAIRED).increment(0);
        Self(Arc::new(Inner {
            changes: ChangeRepository::new(db.clone()),
            db,
            courses,
            streams,
            receipts,
            clock,
            missing: Notify::new(),
        }))
    }

    /// Takes an event in, in the caller's transaction.
    pub(crate) async fn take_in(&self, tx: &mut Tx, event: &Event) -> Result<After, DbError> {
        let change = take_in(tx, event.subject, event.sequence, &event.data).await?;
        let after = self.0.streams.end_unentitled(tx, &change.affected).await?;
        if !change.is_gap {
            return Ok(after);
        }
        let inner = Arc::clone(&self.0);
        Ok(after.and(After::then(move || inner.missing.notify_one())))
    }

    /// Waits until an event is found missing.
    pub(crate) async fn missing(&self) {
        self.0.missing.notified().await;
    }

    /// Asks what has changed since this was last asked, and takes in what no event has brought.
    pub(crate) async fn reconcile(&self) -> Result<(), OutOfDate> {
        let inner = &*self.0;
        // What is committed before this moment is in the answers, but for the overlap of the next time.
        let now = inner.clock.now();
        let begin = ChangePosition {
            at: inner.changes.read_until().await? - OVERLAP,
            id: Uuid::nil(),
        };
        let mut position = Some(begin);
        while let Some(next) = position {
            let changes = inner.courses.changed_after(next).await?;
            position = changes.next;
            self.repair(changes.events).await?;
            // A failure of a later page does not begin at the first one again.
            if let Some(reached) = &position {
                inner.changes.note(reached.at.min(now)).await?;
            }
        }
        Ok(inner.changes.note(now).await?)
    }

    /// Takes in those of these events that are news, each in a transaction of its own.
    async fn repair(&self, events: Vec<LastEvent>) -> Result<(), OutOfDate> {
        let inner = &*self.0;
        for event in inner.changes.news(events).await? {
            let mut tx = inner.db.write().await?;
            let change = take_in(&mut tx, event.subject, event.sequence, &event.data).await?;
            let after = inner.streams.end_unentitled(&mut tx, &change.affected).await?;
            tx.commit().await?;
            after.run();
            metrics::counter!(metric::COURSE_CHANGES_REPAIRED).increment(1);
        }
        Ok(())
    }

    /// Opens and ends sessions, whatever the courses say.
    pub(crate) fn streams(&self) -> &StreamService {
        &self.0.streams
    }

    /// Opens a session. A viewer who is refused but has a fresh receipt of an enrolment is judged again by what
    /// course-management answers now.
    pub(crate) async fn open(
        &self,
        caller: Option<&Caller>,
        request: &RequestId,
        opening: &Opening,
        receipt: Option<&str>,
    ) -> Result<Opened, PlaybackError> {
        let inner = &*self.0;
        let opened = inner.streams.open(caller, request, opening).await;
        let (Err(PlaybackError::Denied(Denied::NotFound | Denied::NotEntitled)), Some(caller), Some(receipt)) =
            (&opened, caller, receipt)
        else {
            return opened;
        };
        let course = inner.receipts.read(receipt, caller.user_id, inner.clock.now());
        let Some(course) = course else { return opened };
        if let Err(error) = self.ask(course, caller.user_id).await {
            tracing::warn!(%course, %error, "an enrolment with a receipt could not be asked about");
            return opened;
        }
        inner.streams.open(Some(caller), request, opening).await
    }

    /// Asks about one course and one member.
    async fn ask(&self, course: CourseId, user: UserId) -> Result<(), OutOfDate> {
        let events = self.0.courses.last_events(course, user).await?;
        self.repair(events).await
    }
}
