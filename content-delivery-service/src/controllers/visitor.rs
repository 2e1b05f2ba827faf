//! Who asks for a lecture without having to be signed in.

use crate::services::error::Denied;
use axum::extract::FromRequestParts;
use contracts::{ClientId, VideoId};
use http::header::AUTHORIZATION;
use http::request::Parts;
use runtime::{Caller, PathId, Principal, Problem, scope_required};
use serde::Deserialize;
use uuid::Uuid;

/// Somebody who is signed in or not, or a client; a bearer that is not valid is refused.
pub(crate) enum Visitor {
    Nobody,
    Person(Caller),
    /// A client with one of the scopes that the route takes.
    Client {
        id: ClientId,
        /// The id of its token.
        token: Uuid,
    },
}

impl Visitor {
    async fn of(parts: &mut Parts, scope: &str) -> Result<Self, Problem> {
        if !parts.headers.contains_key(AUTHORIZATION) {
            return Ok(Self::Nobody);
        }
        match Principal::from_request_parts(parts, &()).await? {
            Principal::User(caller) => Ok(Self::Person(caller)),
            Principal::Client { id, token, scopes } if scopes.has(scope) => Ok(Self::Client { id, token }),
            Principal::Client { .. } => Err(scope_required(scope)),
        }
    }
}

/// What a client needs to read a lecture's details.
pub(crate) struct Read;

/// What a client needs to open a stream for a user.
pub(crate) struct Stream;

/// A scope that a route takes from clients.
pub(crate) trait Scope {
    const NAME: &'static str;
}

impl Scope for Read {
    const NAME: &'static str = "content:read";
}

impl Scope for Stream {
    const NAME: &'static str = "content:stream";
}

/// A visitor and the lecture in the path; `S` is the scope that a client needs.
///
/// Errors: without a sign-in, a malformed id is no more telling than an unknown one
pub(crate) struct Named<S> {
    pub(crate) visitor: Visitor,
    pub(crate) video: VideoId,
    scope: std::marker::PhantomData<S>,
}

impl<S: Scope, State: Sync + Send> FromRequestParts<State> for Named<S> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Problem> {
        let visitor = Visitor::of(parts, S::NAME).await?;
        match PathId::from_request_parts(parts, state).await {
            Ok(PathId(video)) => Ok(Self {
                visitor,
                video,
                scope: std::marker::PhantomData,
            }),
            Err(_) if matches!(visitor, Visitor::Nobody) => Err(Denied::Unauthenticated.into()),
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
