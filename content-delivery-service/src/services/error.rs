//! Why requests are refused or fail, in domain words: an enum for each subject, and what the subjects share.

use backing::db::DbError;
use backing::objects::ObjectError;
use contracts::questions::Unanswered;
use entitlements::models::session::LiveSession;
use runtime::WorkLost;
use std::error::Error;

/// Why a request about a lecture is refused or fails.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VideoError {
    #[error(transparent)]
    Denied(Denied),
    #[error("the lecture's upload is not complete")]
    NotUploaded,
    /// The positions of names that are no renditions of the lecture.
    #[error("the lecture has no such rendition")]
    UnknownRenditions(Vec<usize>),
    #[error("you follow the events of as many lectures as you may at the same time")]
    TooManyStreams,
    #[error("the lecture has changed since it was read")]
    Stale,
    /// A field and what is wrong with it.
    #[error("the field `{0}` {1}")]
    BadField(&'static str, &'static str),
    #[error(transparent)]
    Failed(Failure),
}

/// Why a request about an upload is refused or fails.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UploadError {
    #[error(transparent)]
    Denied(Denied),
    #[error("the upload has expired")]
    Expired,
    #[error("the upload continues at byte {0}")]
    OffsetMismatch(u64),
    #[error("another request is writing this upload")]
    Locked,
    #[error("the body is longer than the upload's declared length")]
    LongerThanDeclared,
    #[error("the upload is larger than the limit of {0} bytes")]
    TooLarge(u64),
    #[error("the checksum does not match the bytes")]
    ChecksumMismatch,
    /// What the owner may have, and what of it is free, in bytes.
    #[error("your files may take {} in all, of which {} are free; delete some, or ask an administrator for more",
        size(*.allowed), size(*.free))]
    QuotaExceeded { allowed: u64, free: u64 },
    #[error("you have {0} unfinished uploads, which is as many as you may have; finish or delete some")]
    TooManyOpen(u32),
    #[error("you are sending {0} files, which is as many as you may send at the same time")]
    TooManyRequests(u32),
    #[error("the server has no memory for more uploads right now")]
    Busy,
    #[error("this is not an audio or video file")]
    UnsupportedMedia,
    #[error("the file is empty")]
    EmptyFile,
    #[error("the idempotency key was used for another request")]
    KeyReused,
    #[error("the first request with this idempotency key is still in progress")]
    KeyInUse,
    /// The error of the sender or of the reader of the bytes.
    #[error("the body ended early")]
    BodyLost(#[source] Box<dyn Error + Send + Sync>),
    #[error(transparent)]
    Failed(Failure),
}

/// Why a stream is not opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PlaybackError {
    #[error(transparent)]
    Denied(Denied),
    #[error("the lecture can't be watched yet")]
    NotPlayable {
        /// After how many seconds it is worth asking again.
        retry_after: u64,
    },
    #[error("{0}")]
    VideoFailed(String),
    /// Those that hold the places.
    #[error("you watch in as many places as you may at the same time; end one of them, or wait a moment")]
    TooManySessions(Vec<LiveSession>),
    #[error("as many people watch this lecture as may without signing in; sign in, or try again in a moment")]
    Crowded,
    #[error(transparent)]
    Failed(Failure),
}

/// Why the asker may not do this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Denied {
    /// The lecture does not exist, or the asker has no right to it.
    #[error("there is no such lecture")]
    NotFound,
    /// The lecture is listed to the asker, who may not watch it now.
    #[error("you can't watch this lecture now: the course, or this part of it, is not open")]
    NotEntitled,
    #[error("the lecture was deleted")]
    Deleted,
    #[error("there is no valid sign-in")]
    Unauthenticated,
    /// An upload's address without its key, from somebody who is not signed in.
    #[error("the URL lacks a valid key `k`, and there is no valid sign-in")]
    NoKey,
    #[error("only administrators see everybody's lectures")]
    AdminRequired,
    #[error("only instructors may upload; an administrator can give you that role")]
    InstructorRequired,
    /// An upload's key, for what only a sign-in may do.
    #[error("the upload is finished, so its key `k` can't delete it any more; sign in to delete the lecture")]
    KeySpent,
}

/// Why a request that is fine can't be served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("there is no space left")]
    StorageFull,
    #[error("the database can't be reached: {0}")]
    Unavailable(String),
    /// Another service, or the store of the lectures, does not answer.
    #[error("{0}")]
    Unanswered(String),
    #[error("the database failed")]
    Database(#[source] DbError),
    #[error("the object store failed")]
    Store(#[source] ObjectError),
    /// A fault of this program.
    #[error("{0}")]
    Internal(String),
}

/// A number of bytes as the page shows it, never rounded up: `14.4 MB`.
fn size(bytes: u64) -> String {
    let units = [("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)];
    let unit = units.into_iter().find(|(_, size)| bytes >= *size);
    unit.map_or_else(
        || format!("{bytes} bytes"),
        |(name, size)| format!("{}.{} {name}", bytes / size, bytes % size * 10 / size),
    )
}

impl<E: Into<Failure>> From<E> for VideoError {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl<E: Into<Failure>> From<E> for UploadError {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl<E: Into<Failure>> From<E> for PlaybackError {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl From<Denied> for VideoError {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

impl From<Denied> for UploadError {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

impl From<Denied> for PlaybackError {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

impl From<DbError> for Failure {
    fn from(error: DbError) -> Self {
        match error {
            DbError::Full => Self::StorageFull,
            DbError::Unavailable(why) => Self::Unavailable(why),
            other => Self::Database(other),
        }
    }
}

impl From<ObjectError> for Failure {
    fn from(error: ObjectError) -> Self {
        match error {
            ObjectError::Full => Self::StorageFull,
            error @ ObjectError::Unavailable(_) => Self::Unanswered(error.to_string()),
            other => Self::Store(other),
        }
    }
}

impl From<Unanswered> for Failure {
    fn from(error: Unanswered) -> Self {
        Self::Unanswered(error.to_string())
    }
}

impl From<WorkLost> for Failure {
    fn from(lost: WorkLost) -> Self {
        Self::Internal(lost.to_string())
    }
}
