//! Rows that transactions of several subjects read or write; each function takes the caller's transaction.

use crate::models::courses::course::{Course, Joining};
use crate::repositories::published::{COURSE, Membership, OutlineRow, course, membership_columns};
use backing::audit::{self, NewEntry};
use backing::db::{DbError, Tx};
use backing::once::{self, Once, Request};
use backing::{args, outbox, record};
use contracts::{CourseAccess, CourseId, CourseStatus, EnrolmentId, NewEvent, Timestamp, UserId};
use uuid::Uuid;

/// The columns of a course, from the table `c`.
macro_rules! course_columns {
    () => {
        "c.id, c.owner_id, c.title, c.description, c.status, c.access, c.joining, c.code, c.opens_at, c.ends_at, \
         c.completed_share, c.version, c.created_at, c.updated_at"
    };
}
pub(crate) use course_columns;

record! {
    pub(crate) struct CourseRow {
        pub(crate) id: CourseId,
        pub(crate) owner_id: UserId,
        pub(crate) title: String,
        pub(crate) description: String,
        pub(crate) status: String,
        pub(crate) access: String,
        pub(crate) joining: String,
        pub(crate) code: Option<String>,
        pub(crate) opens_at: Option<Timestamp>,
        pub(crate) ends_at: Option<Timestamp>,
        pub(crate) completed_share: Option<f64>,
        pub(crate) version: i64,
        pub(crate) created_at: Timestamp,
        pub(crate) updated_at: Timestamp,
    }
}

impl From<CourseRow> for Course {
    /// A name that only a newer version knows is read as the most restrictive one.
    fn from(row: CourseRow) -> Self {
        Self {
            id: row.id,
            owner_id: row.owner_id,
            title: row.title,
            description: row.description,
            status: row.status.parse().unwrap_or(CourseStatus::Draft),
            access: row.access.parse().unwrap_or(CourseAccess::Enrolled),
            joining: row.joining.parse().unwrap_or(Joining::Closed),
            code: row.code,
            opens_at: row.opens_at,
            ends_at: row.ends_at,
            completed_share: row.completed_share,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// Why a change was refused.
#[derive(Debug, thiserror::Error)]
pub enum NotDone {
    /// There is no such course, module, item or member.
    #[error("there is no such {0}")]
    Missing(&'static str),
    /// The course has changed since the caller read it.
    #[error("the course has changed since it was read")]
    Stale,
    /// There are as many of these as there may be.
    #[error("there may be at most {1} {0}")]
    TooMany(&'static str, i64),
    /// An order that leaves out, repeats or invents something.
    #[error("the order must name each module and each item of the course exactly once")]
    Incomplete,
    /// The request's key was used for another request.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// The database did not answer.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// The course as this transaction sees it.
///
/// Errors: `Missing`, or what the database reports
async fn course_in(tx: &mut Tx, id: CourseId) -> Result<Course, NotDone> {
    let sql = concat!("SELECT ", course_columns!(), " FROM courses c WHERE c.id = $1");
    let row = tx.one::<CourseRow>(sql, args![id]).await?;
    row.map(Course::from).ok_or(NotDone::Missing("course"))
}

/// Locks a course and counts an edit; `version` is the one that the edit is based on, if it names one.
///
/// Errors: `Missing`, `Stale`, or what the database reports
pub(crate) async fn begin_edit(
    tx: &mut Tx,
    id: CourseId,
    version: Option<i64>,
    now: Timestamp,
) -> Result<Course, NotDone> {
    let sql = "UPDATE courses SET version = version + 1, updated_at = $2 WHERE id = $1";
    tx.run(sql, args![id, now]).await?;
    let course = course_in(tx, id).await?;
    if version.is_some_and(|version| version + 1 != course.version) {
        return Err(NotDone::Stale);
    }
    Ok(course)
}

/// Publishes what a course is now, records the act if an admin did it, and commits.
pub(crate) async fn commit_edit(
    mut tx: Tx,
    id: CourseId,
    audit: Option<&NewEntry>,
    now: Timestamp,
) -> Result<(), NotDone> {
    publish_course(&mut tx, id, now).await?;
    if let Some(entry) = audit {
        audit::record(&mut tx, entry, now).await?;
    }
    Ok(tx.commit().await?)
}

/// What a repeated request has created before; none for one that comes for the first time or has no key.
///
/// Errors: `KeyReused`, or what the database reports
pub(crate) async fn claimed(
    tx: &mut Tx,
    request: Option<&Request>,
    made: Uuid,
    now: Timestamp,
) -> Result<Option<Uuid>, NotDone> {
    let Some(request) = request else { return Ok(None) };
    match once::claim(tx, request, made, now).await? {
        Once::First => Ok(None),
        Once::Again(before) => Ok(Some(before)),
        Once::Other => Err(NotDone::KeyReused),
    }
}

/// A count.
pub(crate) async fn count(tx: &mut Tx, sql: &'static str, id: Uuid) -> Result<i64, DbError> {
    let row = tx.one::<(i64,)>(sql, args![id]).await?;
    Ok(row.map_or(0, |(count,)| count))
}

/// Refuses another course for somebody who owns as many as one may.
pub(crate) async fn demand_room(tx: &mut Tx, owner: UserId, most: i64) -> Result<(), NotDone> {
    let owned = "SELECT count(*) FROM courses WHERE owner_id = $1";
    if count(tx, owned, owner.into()).await? >= most {
        return Err(NotDone::TooMany("courses of one owner", most));
    }
    Ok(())
}

/// Writes the event with everything that decides who may watch what of a course.
pub(crate) async fn publish_course(tx: &mut Tx, id: CourseId, now: Timestamp) -> Result<(), NotDone> {
    let rows = tx.all::<OutlineRow>(COURSE, args![id]).await?;
    let event = course(rows).ok_or(NotDone::Missing("course"))?;
    outbox::push(tx, &NewEvent::of_course(id, event.into()), now).await?;
    Ok(())
}

/// Writes the event of what an enrolment is now. It holds the course's history until the commit: a transaction changes all
/// enrolments that it changes before it publishes the first, and publishes courses in the order of their ids.
pub(crate) async fn publish_enrolment(tx: &mut Tx, id: EnrolmentId, now: Timestamp) -> Result<(), DbError> {
    let sql = concat!(
        "UPDATE enrolments SET changed_at = $2 WHERE id = $1 RETURNING ",
        membership_columns!()
    );
    let Some(row) = tx.one::<Membership>(sql, args![id, now]).await? else {
        return Ok(());
    };
    let event = NewEvent::of_course(row.course_id, row.into());
    let event = outbox::push(tx, &event, now).await?;
    let sql = "UPDATE enrolments SET sequence = $2 WHERE id = $1";
    tx.run(sql, args![id, event.sequence]).await?;
    Ok(())
}
