//! Finds out who makes a request.

use crate::{AuthError, Authenticator, Caller, Principal, Problem};
use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use std::convert::Infallible;

/// The bearer token of a request.
///
/// Errors: there is none, there are several, or the header is of another scheme
pub fn bearer(headers: &HeaderMap) -> Result<&str, AuthError> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let first = all.next().ok_or(AuthError::Missing)?;
    if all.next().is_some() {
        return Err(AuthError::Ambiguous);
    }
    let text = first.to_str().map_err(|_| AuthError::Invalid)?;
    let (scheme, token) = text.split_once(' ').ok_or(AuthError::Invalid)?;
    if scheme.eq_ignore_ascii_case("bearer") {
        Ok(token)
    } else {
        Err(AuthError::Invalid)
    }
}

/// Checks the request's bearer, or returns the principal that the row's check has left.
pub(crate) async fn identify(parts: &Parts) -> Result<Principal, AuthError> {
    if let Some(principal) = parts.extensions.get::<Principal>() {
        return Ok(principal.clone());
    }
    let authenticator = parts.extensions.get::<Authenticator>().ok_or(AuthError::Missing)?;
    authenticator.verify(bearer(&parts.headers)?).await
}

/// 403 `user_required`: a client calls what only people may.
#[must_use]
pub fn user_required() -> Problem {
    Problem::new(
        StatusCode::FORBIDDEN,
        "user_required",
        "this needs a user's access token; a client has no account",
    )
}

impl<S: Sync> FromRequestParts<S> for Principal {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        identify(parts).await.map_err(Problem::from)
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match identify(parts).await? {
            Principal::User(caller) => Ok(caller),
            Principal::Client { .. } => Err(user_required()),
        }
    }
}

/// A request without a bearer, with one that is not valid, or with a client's has no caller.
impl<S: Sync> OptionalFromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(match identify(parts).await {
            Ok(Principal::User(caller)) => Some(caller),
            Ok(Principal::Client { .. }) | Err(_) => None,
        })
    }
}
