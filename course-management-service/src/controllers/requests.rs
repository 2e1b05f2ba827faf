//! Who makes a request, and under which name.

use crate::services::access_service::Asker;
use axum::extract::{FromRequestParts, RawPathParams};
use backing::once::Request;
use http::header::AUTHORIZATION;
use http::request::Parts;
use runtime::{Caller, Principal, Problem, RequestId, scope_required};
use serde::Serialize;
use std::convert::Infallible;

impl<S: Sync + Send> FromRequestParts<S> for Asker {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let caller = <Caller as FromRequestParts<S>>::from_request_parts(parts, state).await?;
        let Ok(request) = RequestId::from_request_parts(parts, state).await;
        Ok(Self::by(&caller, &request))
    }
}

/// Somebody who is signed in or not, or a client that may read courses; a bearer that is not valid is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Visitor {
    pub(crate) asker: Option<Asker>,
    pub(crate) is_client: bool,
}

/// What a client needs to read a course.
const READ: &str = "courses:read";

impl<S: Sync + Send> FromRequestParts<S> for Visitor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        if !parts.headers.contains_key(AUTHORIZATION) {
            return Ok(Self {
                asker: None,
                is_client: false,
            });
        }
        let (asker, is_client) = match Principal::from_request_parts(parts, state).await? {
            Principal::User(_) => (Asker::from_request_parts(parts, state).await?, false),
            Principal::Client { scopes, .. } if scopes.has(READ) => (Asker::of_client(), true),
            Principal::Client { .. } => return Err(scope_required(READ)),
        };
        Ok(Self {
            asker: Some(asker),
            is_client,
        })
    }
}

/// The last parameter of the path, which names a member in words or by id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MemberName(pub(crate) String);

impl<S: Sync + Send> FromRequestParts<S> for MemberName {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let parameters = RawPathParams::from_request_parts(parts, state).await;
        let last = parameters
            .ok()
            .and_then(|all| all.iter().last().map(|(_, value)| value.to_owned()));
        Ok(Self(last.unwrap_or_default()))
    }
}

/// The name that a client gave to a request (`Idempotency-Key`), an extractor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named(Option<String>);

impl<S: Sync + Send> FromRequestParts<S> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut keys = parts.headers.get_all("idempotency-key").iter();
        let key = keys
            .next()
            .map(|key| String::from_utf8_lossy(key.as_bytes()).into_owned());
        if keys.next().is_some() {
            return Err(Problem::invalid().field("Idempotency-Key", "is given twice"));
        }
        Ok(Self(key))
    }
}

impl Named {
    /// The request, if it has a name; `place` and `body` are what its repetitions have in common with it.
    pub(crate) fn request(
        &self,
        asker: &Asker,
        place: &str,
        body: &impl Serialize,
    ) -> Result<Option<Request>, Problem> {
        let Some(key) = &self.0 else { return Ok(None) };
        let body = serde_json::to_string(body).unwrap_or_default();
        Request::new(&asker.user.to_string(), key, &[place, &body])
            .map(Some)
            .map_err(|why| Problem::invalid().field("Idempotency-Key", why))
    }
}
