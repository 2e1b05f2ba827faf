//! Query strings, forms and ids in paths, read with problems for answers.

use crate::Problem;
use crate::messages::accept;
use crate::messages::body;
use crate::messages::field_errors::blame;
use crate::messages::json::refuse_encoding;
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use contracts::{Id, Kind};
use http::StatusCode;
use http::request::Parts;
use serde::de::DeserializeOwned;

/// The query string; a bad field is 422 `invalid_request`. Unknown fields never get here: the row refuses them.
#[derive(Debug, Clone, Copy)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        read_pairs(parts.uri.query().unwrap_or_default().as_bytes()).map(Self)
    }
}

/// A form body (`application/x-www-form-urlencoded`).
#[derive(Debug, Clone, Copy)]
pub struct Form<T>(pub T);

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for Form<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        refuse_encoding(request.headers())?;
        if accept::content_type(request.headers()) != "application/x-www-form-urlencoded" {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "the body must be sent as `Content-Type: application/x-www-form-urlencoded`",
            ));
        }
        let bytes = body::read_all(request).await?;
        read_pairs(&bytes).map(Self)
    }
}

fn read_pairs<T: DeserializeOwned>(text: &[u8]) -> Result<T, Problem> {
    let pairs = serde_urlencoded::Deserializer::new(url::form_urlencoded::parse(text));
    serde_path_to_error::deserialize(pairs)
        .map_err(|error| blame(&error.path().to_string(), &error.inner().to_string()))
}

/// The first parameter of the path as an id; a malformed id is an unknown one: 404 with the code of its kind, such as
/// `video_not_found`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PathId<T>(pub T);

impl<K: Kind, S: Send + Sync> FromRequestParts<S> for PathId<Id<K>> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        id(&path_values(parts, state).await, 0).map(Self)
    }
}

/// All parameters of the path as ids, in their order; the first malformed one is an unknown one, as for [`PathId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PathIds<T>(pub T);

impl<A: Kind, B: Kind, S: Send + Sync> FromRequestParts<S> for PathIds<(Id<A>, Id<B>)> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let values = path_values(parts, state).await;
        Ok(Self((id(&values, 0)?, id(&values, 1)?)))
    }
}

impl<A: Kind, B: Kind, C: Kind, S: Send + Sync> FromRequestParts<S> for PathIds<(Id<A>, Id<B>, Id<C>)> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let values = path_values(parts, state).await;
        Ok(Self((id(&values, 0)?, id(&values, 1)?, id(&values, 2)?)))
    }
}

/// The parameters of the path, in their order.
async fn path_values<S: Send + Sync>(parts: &mut Parts, state: &S) -> Vec<String> {
    let params = RawPathParams::from_request_parts(parts, state).await;
    let values = |params: RawPathParams| params.iter().map(|(_, value)| value.to_owned()).collect();
    params.map(values).unwrap_or_default()
}

fn id<K: Kind>(values: &[String], place: usize) -> Result<Id<K>, Problem> {
    let value = values.get(place).and_then(|value| value.parse().ok());
    value.ok_or_else(unknown::<K>)
}

fn unknown<K: Kind>() -> Problem {
    let (code, detail) = (
        format!("{}_not_found", K::WORD),
        format!("there is no such {}", K::NOUN),
    );
    Problem::new(StatusCode::NOT_FOUND, code, detail)
}
