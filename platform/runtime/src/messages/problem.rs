//! How a request is refused: a problem document.
//!
//! Source: RFC 9457

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::{Map, Value};
use std::borrow::Cow;
use utoipa::ToSchema;

/// The media type of a [`ProblemDocument`].
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

/// A refusal with a stable code; the outermost layer adds the request's id.
#[derive(Debug, Clone)]
pub struct Problem(Box<Refusal>);

#[derive(Debug, Clone)]
struct Refusal {
    status: StatusCode,
    code: Cow<'static, str>,
    detail: Cow<'static, str>,
    errors: Vec<FieldError>,
    members: Map<String, Value>,
    headers: HeaderMap,
}

/// What is wrong with one field of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// The field's path, such as `title` or `renditions[0]`.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}

/// A problem document (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemDocument<'a> {
    /// `urn:moocflix:problem:CODE`.
    #[serde(rename = "type")]
    kind: String,
    /// The code as a phrase.
    title: String,
    /// The status code again.
    #[schema(value_type = i32)]
    status: u16,
    /// What was wrong with this request.
    detail: &'a str,
    /// The stable code, for programs.
    code: &'a str,
    /// The request's id, as in the answer's `x-request-id` and in the logs.
    request_id: Option<&'a str>,
    /// The fields that are wrong, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<&'a [FieldError]>,
}

/// A document with the members that only problems of its code have.
#[derive(Serialize)]
struct Extended<'a> {
    #[serde(flatten)]
    document: ProblemDocument<'a>,
    #[serde(flatten)]
    members: &'a Map<String, Value>,
}

impl Problem {
    /// A refusal with its status, its stable code and what was wrong.
    pub fn new(status: StatusCode, code: impl Into<Cow<'static, str>>, detail: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Refusal {
            status,
            code: code.into(),
            detail: detail.into(),
            errors: Vec::new(),
            members: Map::new(),
            headers: HeaderMap::new(),
        }))
    }

    /// 422 `invalid_request`; fields to blame are added with [`Problem::field`].
    #[must_use]
    pub fn invalid() -> Self {
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid_request",
            "some fields of the request are missing, unknown or invalid",
        )
    }

    /// 500 `internal_error`. It does not contain the cause; the caller has logged it.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal_error",
            "something went wrong here; the request id finds it in the logs",
        )
    }

    /// Blames a field.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>, message: impl Into<String>) -> Self {
        self.0.errors.push(FieldError {
            field: field.into(),
            message: message.into(),
        });
        self
    }

    /// Adds a member to the document that problems of other codes don't have.
    ///
    /// Source: RFC 9457 §3.2
    #[must_use]
    pub fn member(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.0.members.insert(name.to_owned(), value.into());
        self
    }

    /// Adds a header to the answer; a value that no header can hold is left out.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: impl AsRef<str>) -> Self {
        if let Ok(value) = HeaderValue::from_str(value.as_ref()) {
            self.0.headers.append(name, value);
        }
        self
    }

    /// Says after how many seconds it is worth to ask again.
    #[must_use]
    pub fn retry_after(self, seconds: u64) -> Self {
        self.header(RETRY_AFTER, seconds.to_string())
    }

    /// The status that it answers with.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// The body, with the request's id where it is known.
    pub(crate) fn document(&self, request_id: Option<&str>) -> Vec<u8> {
        let document = ProblemDocument {
            kind: format!("urn:moocflix:problem:{}", self.0.code),
            title: title(&self.0.code),
            status: self.0.status.as_u16(),
            detail: &self.0.detail,
            code: &self.0.code,
            request_id,
            errors: (!self.0.errors.is_empty()).then_some(&self.0.errors),
        };
        let extended = Extended {
            document,
            members: &self.0.members,
        };
        serde_json::to_vec(&extended).unwrap_or_default()
    }
}

/// `not_playable` → `Not playable`, `malformed_json` → `Malformed JSON`.
fn title(code: &str) -> String {
    let words = code.split('_').map(|word| match word {
        "json" => "JSON",
        "uri" => "URI",
        word => word,
    });
    let words = words.collect::<Vec<_>>().join(" ");
    let mut letters = words.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.document(None)));
        *response.status_mut() = self.0.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        for (name, value) in &self.0.headers {
            headers.append(name, value.clone());
        }
        response.extensions_mut().insert(self);
        response
    }
}
