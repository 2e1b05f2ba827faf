//! Completes answers: problems for refusals, the headers that every answer has, a line of the log.

use crate::Problem;
use crate::messages::request_id::RequestId;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, StatusCode};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const NO_SNIFFING: HeaderValue = HeaderValue::from_static("nosniff");
const NO_REFERRER: HeaderValue = HeaderValue::from_static("no-referrer");
const NO_CONTENT: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
/// How long browsers keep to https: a year.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// Marks a reply, as an extension, that is logged at debug level unless the server is at fault.
#[derive(Debug, Clone, Copy)]
pub struct Quiet;

/// Makes each refusal a problem with the request's id.
pub(super) fn explain(response: &mut Response, id: &RequestId) {
    if let Some(problem) = plain_refusal(response) {
        let allow = response.headers_mut().remove(ALLOW);
        *response = problem.into_response();
        if let Some(allow) = allow {
            response.headers_mut().insert(ALLOW, allow);
        }
    }
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        let document = problem.document(Some(id.as_str()));
        response.headers_mut().remove(CONTENT_LENGTH);
        *response.body_mut() = Body::from(document);
    }
}

/// Adds the headers that every answer has.
pub(super) fn complete(headers: &mut HeaderMap, id: &RequestId, route: &str, is_secure: bool) {
    if let Ok(id) = HeaderValue::from_maybe_shared(Bytes::copy_from_slice(id.as_str().as_bytes())) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, NO_SNIFFING);
    headers.entry(REFERRER_POLICY).or_insert(NO_REFERRER);
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(NO_CONTENT);
    if route.starts_with("/api/") {
        headers.entry(CACHE_CONTROL).or_insert(NO_STORE);
    }
    if is_secure {
        headers.entry(STRICT_TRANSPORT_SECURITY).or_insert(HSTS);
    }
}

/// A refusal that the framework made, as a problem; a refusal that a service made stays as it is.
fn plain_refusal(response: &Response) -> Option<Problem> {
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) || response.extensions().get::<Problem>().is_some() {
        return None;
    }
    let kind = response.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    let from_framework = match kind {
        Some(kind) => kind.starts_with(b"text/plain"),
        None => matches!(status, StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED),
    };
    from_framework.then(|| match status {
        StatusCode::NOT_FOUND => Problem::new(status, "not_found", "there is nothing at this address"),
        StatusCode::METHOD_NOT_ALLOWED => {
            Problem::new(status, "method_not_allowed", "this address does not support the method")
        }
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(status, "too_large", "the body is too large"),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Problem::new(
            status,
            "unsupported_media_type",
            "the type of the body is not supported here",
        ),
        StatusCode::INTERNAL_SERVER_ERROR => Problem::internal(),
        _ => Problem::new(status, "bad_request", "the request is invalid"),
    })
}

/// Logs an answer.
pub(super) fn log(status: StatusCode, route: &str, quiet: bool, ms: f64) {
    let (is_failure, status) = (status.is_server_error(), status.as_u16());
    if quiet && !is_failure {
        tracing::debug!(route, status, ms, "answered");
    } else {
        tracing::info!(route, status, ms, "answered");
    }
}
