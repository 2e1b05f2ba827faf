//! Why requests are refused or fail, in domain words: an enum a subject, and what any request can meet.

use super::tokens::token_issuer::NotSigned;
use crate::repositories::rows::NotDone;
use backing::db::DbError;
use passwords::hasher::HashError;
use passwords::limiter::Limited;
use runtime::secrets::SealError;
use std::time::Duration;

/// Why a request about an account is refused or fails.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// Some fields have values that are not allowed.
    #[error("{}", .0.iter().map(|(field, message)| format!("{field} {message}")).collect::<Vec<_>>().join("; "))]
    Invalid(Vec<(&'static str, &'static str)>),
    /// The current password is wrong.
    #[error("the password is wrong")]
    InvalidCredentials,
    /// The sign-in is older than this change allows.
    #[error("this needs a sign-in of the last 10 minutes")]
    ReauthenticationRequired,
    /// Another account has the address.
    #[error("an account with this e-mail address exists already")]
    EmailTaken,
    /// No account has this id or address.
    #[error("there is no such user")]
    NotFound,
    /// The token is valid, but its account is deactivated or no longer exists.
    #[error("the account of this token no longer exists")]
    Gone,
    /// The account changed since the caller read it.
    #[error("the profile has changed since it was read")]
    Stale,
    /// The account has no password; its person signs in with a provider.
    #[error("the account has no password: its person signs in with a provider")]
    NoPassword,
    /// Without this account the platform would have no admin.
    #[error("the platform needs at least one admin")]
    LastAdmin,
    /// The request is fine but can't be served.
    #[error(transparent)]
    Failed(Failure),
}

/// Why a request about a sign-in is refused or fails.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionError {
    /// The address or the password is wrong; the reply does not reveal which.
    #[error("the e-mail address or the password is wrong")]
    InvalidCredentials,
    /// The password is right, but the account is deactivated.
    #[error("the account is deactivated")]
    Deactivated,
    /// The refresh token is unknown, used, expired or ended.
    #[error("the refresh token is not valid, or no longer")]
    InvalidGrant,
    /// The request is fine but can't be served.
    #[error(transparent)]
    Failed(Failure),
}

/// Why nobody was signed in by a provider.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProviderError {
    /// No provider has this name, or the page doesn't offer it.
    #[error("there is no such provider")]
    NotFound,
    /// The address to return to is not on the page.
    #[error("return_to must be a path of the page")]
    Elsewhere,
    /// The person said no at the provider.
    #[error("the sign-in was cancelled at the provider")]
    Cancelled,
    /// The browser does not know of the sign-in, or no longer.
    #[error("the sign-in took too long, or was begun in another browser")]
    Expired,
    /// The provider does not answer.
    #[error("the provider does not answer: {0}")]
    Unavailable(String),
    /// The provider's answer is not in order.
    #[error("the provider's answer is not in order: {0}")]
    Wrong(String),
    /// The account is deactivated.
    #[error("the account is deactivated")]
    Deactivated,
    /// The request is fine but can't be served.
    #[error(transparent)]
    Failed(Failure),
}

impl<E: Into<Failure>> From<E> for ProviderError {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Why a request about a client, or by one, is refused or fails.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Some fields have values that are not allowed.
    #[error("{}", .0.iter().map(|(field, message)| format!("{field} {message}")).collect::<Vec<_>>().join("; "))]
    Invalid(Vec<(&'static str, &'static str)>),
    /// The sign-in is older than this act allows.
    #[error("this needs a sign-in of the last 10 minutes")]
    ReauthenticationRequired,
    /// No client has this id.
    #[error("there is no such client")]
    NotFound,
    /// The id or the secret is wrong; the reply does not reveal which.
    #[error("the client's id or its secret is wrong")]
    InvalidClient,
    /// The client asks for a scope that it has not.
    #[error("the client has no such scope")]
    InvalidScope,
    /// The request is fine but can't be served.
    #[error(transparent)]
    Failed(Failure),
}

/// Why a request that is fine can't be served.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The limit of tries is reached; it ends after this time.
    #[error("too many attempts; try again later")]
    Limited(Duration),
    /// Too many passwords are being hashed.
    #[error("too many people are signing in at the moment; try again")]
    Busy,
    /// What was asked for is in force in this process and can't be stored at the moment.
    #[error("this can't be stored at the moment; it is tried again until it is, ask again")]
    NotStored,
    /// The storage is full.
    #[error("the storage is full")]
    StorageFull,
    /// The database does not answer.
    #[error("the database does not answer: {0}")]
    Unavailable(String),
    /// A fault of this program.
    #[error("{0}")]
    Internal(String),
}

impl<E: Into<Failure>> From<E> for AccountError {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl<E: Into<Failure>> From<E> for ClientError {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl<E: Into<Failure>> From<E> for SessionError {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl From<NotDone> for AccountError {
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

impl From<NotDone> for SessionError {
    fn from(error: NotDone) -> Self {
        match error {
            NotDone::Db(error) => error.into(),
            // The account changed after the password was checked: what was valid then is not valid now.
            NotDone::Missing | NotDone::EmailTaken | NotDone::Stale | NotDone::LastAdmin => Self::InvalidCredentials,
        }
    }
}

impl From<NotDone> for ProviderError {
    fn from(error: NotDone) -> Self {
        match error {
            NotDone::Db(error) => error.into(),
            other => Self::Failed(Failure::Internal(other.to_string())),
        }
    }
}

impl From<DbError> for Failure {
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

impl From<Limited> for Failure {
    fn from(limited: Limited) -> Self {
        Self::Limited(limited.retry_after)
    }
}

impl From<HashError> for Failure {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Busy => Self::Busy,
            HashError::Crowded => Self::Limited(Duration::from_secs(1)),
            HashError::Failed(why) => Self::Internal(why),
        }
    }
}

impl From<NotSigned> for Failure {
    fn from(error: NotSigned) -> Self {
        Self::Internal(error.to_string())
    }
}

impl From<SealError> for Failure {
    fn from(error: SealError) -> Self {
        Self::Internal(error.to_string())
    }
}
