//! Files of live lectures on the wire between nodes: a status, and with 200 the file as it is.

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use contracts::questions::live::LiveReply;
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};

const GZIP: &str = "gzip";
const ELSEWHERE: StatusCode = StatusCode::MISDIRECTED_REQUEST;
const MISSING: StatusCode = StatusCode::NOT_FOUND;
const TOO_FAR: StatusCode = StatusCode::BAD_REQUEST;
const LATE: StatusCode = StatusCode::GATEWAY_TIMEOUT;

/// The reply as a response; of a file with a compressed form only that travels.
pub(crate) fn response(reply: LiveReply) -> Response {
    let (bytes, packed) = match reply {
        LiveReply::Elsewhere => return ELSEWHERE.into_response(),
        LiveReply::Missing => return MISSING.into_response(),
        LiveReply::TooFar => return TOO_FAR.into_response(),
        LiveReply::Late => return LATE.into_response(),
        LiveReply::File { bytes, packed } => (bytes, packed),
    };
    let is_packed = packed.is_some();
    let mut response = packed.unwrap_or(bytes).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if is_packed {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(GZIP));
    }
    response
}

/// What another node has answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arrived {
    /// The file as it is.
    Plain(Bytes),
    /// The file, compressed with gzip.
    Packed(Bytes),
    /// The node doesn't hold the lecture, or no longer has the file in memory.
    Elsewhere,
    /// There is no such file.
    Missing,
    /// The segment that is waited for is too far ahead.
    TooFar,
    /// What is waited for has not come in time.
    Late,
}

/// Reads a response; none if it is no answer to the question.
pub(crate) fn read(status: StatusCode, headers: &HeaderMap, body: Bytes) -> Option<Arrived> {
    let is_packed = headers.get(CONTENT_ENCODING).is_some_and(|it| it == GZIP);
    match status {
        StatusCode::OK if is_packed => Some(Arrived::Packed(body)),
        StatusCode::OK => Some(Arrived::Plain(body)),
        ELSEWHERE => Some(Arrived::Elsewhere),
        MISSING => Some(Arrived::Missing),
        TOO_FAR => Some(Arrived::TooFar),
        LATE => Some(Arrived::Late),
        _ => None,
    }
}
