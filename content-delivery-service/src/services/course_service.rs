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
use contracts::questions::{ChangePosition, Courses, Unanswered};
use contracts::{CourseId, Event};
use entitlements::repositories::change_repository::ChangeRepository;
use entitlements::repositories::course_repository::{behind, take_in, take_in_history};
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
        let (at, id) = (inner.changes.read_until().await? - OVERLAP, Uuid::nil());
        let mut position = Some(ChangePosition { at, id });
        while let Some(next) = position {
            let changes = inner.courses.changed_after(next).await?;
            position = changes.next;
            self.repair(&changes.courses).await?;
            // A failure of a later page does not begin at the first one again.
            if let Some(reached) = &position {
                inner.changes.note(reached.at.min(now)).await?;
            }
        }
        Ok(inner.changes.note(now).await?)
    }

    /// Asks what those of these courses have become that have later events than are known here, and takes that in.
    async fn repair(&self, courses: &[(CourseId, i64)]) -> Result<(), OutOfDate> {
        let inner = &*self.0;
        'courses: for (course, mut after) in behind(&inner.db, courses).await? {
            let (mut events, mut is_last) = (Vec::new(), false);
            while !is_last {
                let Some(part) = inner.courses.history(course, after).await? else {
                    continue 'courses;
                };
                events.extend(part.events);
                (after, is_last) = (part.sequence, part.is_last);
            }
            let mut tx = inner.db.write().await?;
            let change = take_in_history(&mut tx, course, after, &events).await?;
            let ended = inner.streams.end_unentitled(&mut tx, &change.affected).await?;
            tx.commit().await?;
            ended.run();
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
        if let Err(error) = self.repair(&[(course, i64::MAX)]).await {
            tracing::warn!(%course, %error, "an enrolment with a receipt could not be asked about");
            return opened;
        }
        inner.streams.open(Some(caller), request, opening).await
    }
}
