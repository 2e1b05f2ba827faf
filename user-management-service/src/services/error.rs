//! What can go wrong with an account, in the service's words.

use super::key_service::KeyError;
use super::limiter::Limited;
use super::password_hasher::HashError;
use super::sealing::SealError;
use super::token_issuer::NotSigned;
use crate::repositories::rows::NotDone;
use backing::db::DbError;
use std::time::Duration;

/// Why a request about an account is refused or fails.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// Fields of the request hold what can't be taken.
    #[error("{}", .0.iter().map(|(field, message)| format!("{field} {message}")).collect::<Vec<_>>().join("; "))]
    Invalid(Vec<(&'static str, &'static str)>),
    /// Address or password is wrong; which is not told.
    #[error("the e-mail address or the password is wrong")]
    InvalidCredentials,
    /// The password is right, the account is deactivated.
    #[error("the account is deactivated")]
    Deactivated,
    /// The sign-in is older than this change allows.
    #[error("this needs a sign-in of the last 10 minutes")]
    ReauthenticationRequired,
    /// Another account has the address.
    #[error("an account with this e-mail address exists already")]
    EmailTaken,
    /// There is no such account.
    #[error("there is no such user")]
    NotFound,
    /// The account is gone or asleep although its token is good.
    #[error("the account of this token is no longer there")]
    Gone,
    /// The account changed since the caller read it.
    #[error("the profile has changed since it was read")]
    Stale,
    /// Nobody would be left to run the platform.
    #[error("somebody must stay admin")]
    LastAdmin,
    /// Too many tries.
    #[error("too many tries; come again later")]
    Limited(Duration),
    /// Too many passwords are being checked at once.
    #[error("too many people are signing in at this moment; try again")]
    Busy,
    /// A refresh token is not good, or no longer.
    #[error("the refresh token is not good, or no longer")]
    InvalidGrant,
    /// No room is left to write.
    #[error("the storage is full")]
    StorageFull,
    /// The database does not answer.
    #[error("the database does not answer: {0}")]
    Unavailable(String),
    /// A fault of ours.
    #[error("{0}")]
    Internal(String),
}

impl From<DbError> for UserError {
    fn from(error: DbError) -> Self {
        match error {
            DbError::Full => Self::StorageFull,
            DbError::Unavailable(why) => Self::Unavailable(why),
            other @ (DbError::Unique(_) | DbError::Migration(_) | DbError::Other(_)) => {
                Self::Internal(other.to_string())
            }
        }
    }
}

impl From<NotDone> for UserError {
    fn from(error: NotDone) -> Self {
        match error {
            NotDone::Missing => Self::NotFound,
            NotDone::EmailTaken => Self::EmailTaken,
            NotDone::Stale => Self::Stale,
            NotDone::LastAdmin => Self::LastAdmin,
            NotDone::Db(error) => error.into(),
        }
    }
}

impl From<Limited> for UserError {
    fn from(limited: Limited) -> Self {
        Self::Limited(limited.retry_after)
    }
}

impl From<HashError> for UserError {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Busy => Self::Busy,
            HashError::Failed(why) => Self::Internal(why),
        }
    }
}

impl From<NotSigned> for UserError {
    fn from(error: NotSigned) -> Self {
        Self::Internal(error.to_string())
    }
}

impl From<SealError> for UserError {
    fn from(error: SealError) -> Self {
        Self::Internal(error.to_string())
    }
}

impl From<KeyError> for UserError {
    fn from(error: KeyError) -> Self {
        Self::Internal(error.to_string())
    }
}
