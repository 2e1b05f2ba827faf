//! Why requests are refused or fail, in domain words: an enum for each subject, and what the subjects share.

use crate::models::courses::publication::Missing;
use crate::repositories::rows::NotDone;
use backing::db::DbError;
use contracts::CourseRole;
use contracts::questions::Unanswered;
use std::time::Duration;

/// Why a request about a course or its outline is refused or fails.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CourseError {
    #[error(transparent)]
    Denied(Denied),
    /// Fields and what is wrong with them.
    #[error("some fields of the request are invalid")]
    Invalid(Vec<(&'static str, &'static str)>),
    #[error("there is no such module")]
    NoModule,
    #[error("there is no such item")]
    NoItem,
    /// There is no such lecture that the asker may administer.
    #[error("there is no such lecture")]
    NoLecture,
    #[error("the course has changed since it was read")]
    Stale,
    #[error("this needs the header `If-Match` with the course's `ETag`, so that no other change is lost")]
    NoPrecondition,
    /// What the course lacks.
    #[error("the course is not complete, so it can't be published")]
    Incomplete(Vec<Missing>),
    #[error("only drafts can be deleted; archive the course instead, or unpublish it first")]
    NoDraft,
    #[error("nobody joins this course by code")]
    NoCode,
    #[error("there may be at most {1} {0}")]
    TooMany(&'static str, i64),
    #[error("the idempotency key was used for another request")]
    KeyReused,
    #[error(transparent)]
    Failed(Failure),
}

/// Why a request about a membership is refused or fails.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EnrolmentError {
    #[error(transparent)]
    Denied(Denied),
    /// A field and what is wrong with it.
    #[error("the field `{0}` {1}")]
    BadField(&'static str, &'static str),
    #[error("there is no such member")]
    NoMember,
    #[error("no account has this address or id; send the person an invitation link")]
    NoAccount,
    #[error("this course needs a code")]
    CodeRequired,
    #[error("this is not the code of this course")]
    WrongCode,
    #[error("only the teachers of this course enrol people")]
    Closed,
    #[error("a teacher has removed you from this course; only a teacher can enrol you again")]
    Removed,
    #[error("the course has ended")]
    Ended,
    #[error("a course needs an owner: hand it over first")]
    OwnerStays,
    /// How many courses one person may own.
    #[error("this person owns {0} courses, as many as one may")]
    TooManyOwned(i64),
    #[error("the course has changed since it was read")]
    Stale,
    /// The limit ends after this time.
    #[error("too many attempts; try again later")]
    TooManyTries(Duration),
    /// The limit ends after this time.
    #[error("you have joined and left courses too often; try again later")]
    TooManyChanges(Duration),
    /// How many people a teacher may enrol in a day, and when the next day begins.
    #[error("you may enrol {0} people in a day, and fewer are left today")]
    TooManyLines(i64, Duration),
    #[error(transparent)]
    Failed(Failure),
}

/// Why the asker may not do this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Denied {
    /// The course does not exist, or the asker may not know of it.
    #[error("there is no such course")]
    NotFound,
    #[error("there is no valid sign-in")]
    Unauthenticated,
    /// The role in the course that it takes at least.
    #[error("this needs at least the role `{0}` in the course")]
    RoleRequired(CourseRole),
}

/// Why a request that is fine can't be served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("there is no space left")]
    StorageFull,
    #[error("{0}")]
    Unavailable(String),
    #[error("the database failed")]
    Database(#[source] DbError),
    /// A fault of this program.
    #[error("{0}")]
    Internal(String),
}

impl<E: Into<Failure>> From<E> for CourseError {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl<E: Into<Failure>> From<E> for EnrolmentError {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl From<Denied> for CourseError {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

impl From<Denied> for EnrolmentError {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

impl From<NotDone> for CourseError {
    fn from(error: NotDone) -> Self {
        match error {
            NotDone::Missing("module") => Self::NoModule,
            NotDone::Missing("item") => Self::NoItem,
            NotDone::Missing("code") => Self::NoCode,
            NotDone::Missing(_) => Self::Denied(Denied::NotFound),
            NotDone::Stale => Self::Stale,
            NotDone::TooMany(what, most) => Self::TooMany(what, most),
            NotDone::Incomplete => Self::Invalid(vec![(
                "modules",
                "must name each module and each item of the course exactly once",
            )]),
            NotDone::KeyReused => Self::KeyReused,
            NotDone::Db(error) => error.into(),
        }
    }
}

impl From<DbError> for Failure {
    fn from(error: DbError) -> Self {
        match error {
            DbError::Full => Self::StorageFull,
            DbError::Unavailable(why) => Self::Unavailable(format!("the database can't be reached: {why}")),
            other => Self::Database(other),
        }
    }
}

impl From<Unanswered> for Failure {
    fn from(unanswered: Unanswered) -> Self {
        Self::Unavailable(unanswered.0)
    }
}
