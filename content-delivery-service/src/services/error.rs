//! What can go wrong with uploads and lectures, in domain words.

use backing::db::DbError;
use backing::objects::ObjectError;
use std::error::Error;

/// Why a request about a lecture or its upload was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ContentError {
    #[error("there is no such video")]
    NotFound,
    #[error("the video was deleted")]
    Deleted,
    #[error("the video can't be watched yet")]
    NotPlayable {
        /// After how many seconds it is worth to ask again.
        retry_after: u64,
    },
    #[error("the video's bytes are still coming")]
    NotUploaded,
    #[error("the video has no such rendition")]
    UnknownRenditions(Vec<usize>),
    #[error("{0}")]
    VideoFailed(String),
    #[error("the upload has expired")]
    Expired,
    #[error("the caller is not known")]
    Unauthenticated,
    #[error("only admins see everybody's videos")]
    AdminRequired,
    #[error("somebody changed the video since")]
    Stale,
    #[error("the upload goes on at byte {0}")]
    OffsetMismatch(u64),
    #[error("another request is writing this upload")]
    Locked,
    #[error("the body is longer than the upload's declared length")]
    LongerThanDeclared,
    #[error("the upload is larger than the {0} bytes that are taken here")]
    TooLarge(u64),
    #[error("the checksum does not fit the bytes")]
    ChecksumMismatch,
    #[error("this is no audio or video file")]
    UnsupportedMedia,
    #[error("bodies of this type are not taken here")]
    UnsupportedType,
    #[error("Tus-Resumable must be 1.0.0")]
    WrongVersion,
    #[error("{0}")]
    BadHeader(String),
    #[error("the file is empty")]
    EmptyFile,
    #[error("the form is broken: {0}")]
    BrokenForm(&'static str),
    #[error("the field `{0}` {1}")]
    BadField(&'static str, &'static str),
    #[error("the idempotency key was used for another request")]
    KeyReused,
    #[error("the first request with this idempotency key is still going on")]
    KeyInUse,
    #[error("there is no space left")]
    StorageFull,
    #[error("the body broke off")]
    BodyLost(#[source] Box<dyn Error + Send + Sync>),
    #[error("the database can't be reached: {0}")]
    Unavailable(String),
    #[error("the database failed")]
    Database(#[source] DbError),
    #[error("the object store failed")]
    Store(#[source] ObjectError),
    #[error("{0}")]
    Internal(String),
}

impl From<DbError> for ContentError {
    fn from(error: DbError) -> Self {
        match error {
            DbError::Full => Self::StorageFull,
            DbError::Unavailable(why) => Self::Unavailable(why),
            other => Self::Database(other),
        }
    }
}

impl From<ObjectError> for ContentError {
    fn from(error: ObjectError) -> Self {
        match error {
            ObjectError::Full => Self::StorageFull,
            other => Self::Store(other),
        }
    }
}
