//! JSON bodies, in and out.
//!
//! A client can see from the status what to correct: broken JSON is 400, a body over the limit 413, a wrong media type
//! 415, a missing, unknown or bad field 422.
//!
//! Source: RFC 9110 §15.5

use crate::Problem;
use crate::messages::accept;
use crate::messages::body;
use crate::messages::field_errors::blame;
use crate::messages::held_bytes::MadeForOne;
use axum::Extension;
use axum::extract::{FromRequest, OptionalFromRequest, Request};
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;
use serde::de::{DeserializeOwned, Error as _, IgnoredAny};

/// A JSON body, of a request or of a reply. Each kind of fault in a request has its own status.
#[derive(Debug, Clone, Copy)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        refuse_encoding(request.headers())?;
        if !is_json(request.headers()) {
            return Err(not_json());
        }
        let bytes = body::read_all(request).await?;
        parse(&bytes).map(Self)
    }
}

/// A request without a body, or with an empty one, says nothing; whatever else comes is read like any body.
impl<T: DeserializeOwned, S: Sync> OptionalFromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Option<Self>, Problem> {
        refuse_encoding(request.headers())?;
        let is_json = is_json(request.headers());
        let bytes = body::read_all(request).await?;
        if bytes.is_empty() {
            return Ok(None);
        }
        if !is_json {
            return Err(not_json());
        }
        parse(&bytes).map(|value| Some(Self(value)))
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(bytes) => {
                let kind = [(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
                (Extension(MadeForOne), kind, bytes).into_response()
            }
            Err(error) => {
                tracing::error!(%error, "an answer could not be written as JSON");
                Problem::internal().into_response()
            }
        }
    }
}

/// Refuses a body that is compressed: nothing here unpacks what a stranger packed.
pub(crate) fn refuse_encoding(headers: &HeaderMap) -> Result<(), Problem> {
    match headers.get(CONTENT_ENCODING) {
        Some(encoding) if !encoding.as_bytes().eq_ignore_ascii_case(b"identity") => Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_content_encoding",
            "the body must come as it is, without a Content-Encoding",
        )),
        Some(_) | None => Ok(()),
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let essence = accept::content_type(headers);
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

fn not_json() -> Problem {
    Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unsupported_media_type",
        "the body must be sent as `Content-Type: application/json`",
    )
}

/// Reads a struct from a JSON object and from nothing else: serde would take an array's values for the fields in their
/// order.
///
/// Errors: what is wrong with the text
pub fn object_from_slice<T: DeserializeOwned>(bytes: &[u8]) -> serde_json::Result<T> {
    match bytes.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'{') => serde_json::from_slice(bytes),
        Some(_) | None => Err(serde_json::Error::custom("not an object")),
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    if std::str::from_utf8(bytes).is_err() {
        return Err(malformed("the body is not UTF-8"));
    }
    let begin = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    if begin.is_some_and(|&byte| byte != b'{') && serde_json::from_slice::<IgnoredAny>(bytes).is_ok() {
        // A deserialiser would take an array's values for the fields in their order.
        return Err(Problem::invalid().field("body", "must be an object"));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    match serde_path_to_error::deserialize::<_, T>(&mut reader) {
        Ok(value) => reader
            .end()
            .map(|()| value)
            .map_err(|error| malformed(&error.to_string())),
        Err(error) if !error.inner().is_data() => Err(malformed(&error.inner().to_string())),
        Err(error) => match serde_json::from_slice::<IgnoredAny>(bytes) {
            // A field may be wrong before the text breaks off: the broken text is the greater fault.
            Err(broken) => Err(malformed(&broken.to_string())),
            Ok(_) => Err(blame(&error.path().to_string(), &error.inner().to_string())),
        },
    }
}

fn malformed(why: &str) -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "malformed_json",
        format!("the body is not JSON: {why}"),
    )
}
