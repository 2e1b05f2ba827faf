//! Why requests about live lectures are refused or fail.

use backing::DbError;
use contracts::questions::Unanswered;
use contracts::questions::live::Refused;

/// Why a request about a live lecture is refused or fails.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// The asker may not do this.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// Somebody changed it since it was read.
    #[error("the lecture has changed since it was read")]
    Stale,
    /// It has begun, so its announced time stays.
    #[error("the lecture has begun, so its announced time can't change any more")]
    Begun,
    /// The idempotency key was used for another request.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DbError),
    /// Something that this needs does not answer.
    #[error(transparent)]
    Unanswered(#[from] Unanswered),
}
