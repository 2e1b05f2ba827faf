//! Who asks for a lecture without having to be signed in.

use crate::services::error::Denied;
use axum::extract::FromRequestParts;
use contracts::VideoId;
use http::header::AUTHORIZATION;
use http::request::Parts;
use runtime::{Caller, PathId, Problem};
use serde::Deserialize;

/// Somebody who is signed in or not; a bearer that is not valid is refused.
pub(crate) struct Visitor(pub(crate) Option<Caller>);

impl<S: Sync + Send> FromRequestParts<S> for Visitor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        if !parts.headers.contains_key(AUTHORIZATION) {
            return Ok(Self(None));
        }
        let caller = <Caller as FromRequestParts<S>>::from_request_parts(parts, state).await?;
        Ok(Self(Some(caller)))
    }
}

/// A visitor and the lecture in the path.
///
/// Errors: without a sign-in, a malformed id is no more telling than an unknown one
pub(crate) struct Named(pub(crate) Visitor, pub(crate) VideoId);

impl<S: Sync + Send> FromRequestParts<S> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let visitor = Visitor::from_request_parts(parts, state).await?;
        match PathId::from_request_parts(parts, state).await {
            Ok(PathId(video)) => Ok(Self(visitor, video)),
            Err(_) if visitor.0.is_none() => Err(Denied::Unauthenticated.into()),
            Err(problem) => Err(problem),
        }
    }
}

/// What a lecture's link adds to the address.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Link {
    /// The key of the lecture's link: whoever has it may watch, signed in or not.
    pub(crate) s: Option<String>,
}
