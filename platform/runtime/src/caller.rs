//! Who makes a request.

use crate::authenticator::{Authenticator, bearer};
use crate::{AuthError, Problem};
use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use contracts::{Role, Roles, SessionId, Timestamp, UserId};
use http::request::Parts;
use std::convert::Infallible;

/// The person behind a request, as their access token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The account.
    pub user_id: UserId,
    /// The sign-in that the token belongs to.
    pub session_id: SessionId,
    /// What they may do.
    pub roles: Roles,
    /// When they last gave their password.
    pub auth_time: Timestamp,
    /// The account's version when the token was made.
    pub version: i64,
}

impl Caller {
    /// Whether the caller is an admin.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.roles.has(Role::Admin)
    }
}

/// Checks the request's bearer, or finds the caller whom the row's check has left.
pub(crate) fn identify(parts: &Parts) -> Result<Caller, AuthError> {
    if let Some(caller) = parts.extensions.get::<Caller>() {
        return Ok(caller.clone());
    }
    let authenticator = parts.extensions.get::<Authenticator>().ok_or(AuthError::Missing)?;
    authenticator.verify(bearer(&parts.headers)?)
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        identify(parts).map_err(Problem::from)
    }
}

/// A request without a bearer, or with one that is not good, has no caller.
impl<S: Sync> OptionalFromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(identify(parts).ok())
    }
}
