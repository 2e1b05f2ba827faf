//! Session descriptions, in and out, with the headers that WHIP and WHEP demand of all replies.
//!
//! Source: RFC 9725 §4, draft-ietf-wish-whep-04 §4

use super::state::Api;
use crate::sessions::{Known, Opened};
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ALLOW, CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_MATCH, LINK,
    LOCATION, REFERRER_POLICY,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use runtime::{Problem, accept};
use url::Url;

const SDP: &str = "application/sdp";
const FRAGMENT: &str = "application/trickle-ice-sdpfrag";
const ACCEPT_POST: HeaderName = HeaderName::from_static("accept-post");
const ACCEPT_PATCH: HeaderName = HeaderName::from_static("accept-patch");

/// The offer in a request's body.
///
/// Errors: 415 for another media type, and whatever is wrong with the body
pub(crate) async fn read_offer(request: Request) -> Result<String, Problem> {
    require(request.headers(), SDP)?;
    let body = runtime::read_body(request).await?;
    let malformed = |_| Problem::new(StatusCode::BAD_REQUEST, "malformed_sdp", "the offer is not UTF-8");
    String::from_utf8(body.into()).map_err(malformed)
}

fn require(headers: &HeaderMap, kind: &'static str) -> Result<(), Problem> {
    if accept::content_type(headers) == kind {
        return Ok(());
    }
    let detail = format!("the body has to be of type {kind}");
    Err(Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unsupported_media_type",
        detail,
    ))
}

/// 307 to the node that holds the lecture; the ticket in the address is all that the client needs there.
pub(crate) fn elsewhere(url: &Url) -> Result<Response, Problem> {
    let mut response = StatusCode::TEMPORARY_REDIRECT.into_response();
    let headers = response.headers_mut();
    let url = HeaderValue::from_str(url.as_str()).map_err(|_| Problem::internal())?;
    headers.insert(LOCATION, url);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    Ok(open_to_all(response))
}

/// 201 with the answer, where its session is, and the servers that help to connect.
pub(crate) fn answer(api: &Api, opened: Opened, location: &str) -> Result<Response, Problem> {
    let mut response = (StatusCode::CREATED, opened.answer).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(SDP));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(ACCEPT_PATCH, HeaderValue::from_static(FRAGMENT));
    for (name, value) in [(LOCATION, location), (ETAG, opened.etag.as_str())] {
        let value = HeaderValue::from_str(value).map_err(|_| Problem::internal())?;
        headers.insert(name, value);
    }
    let now = api.clock.now().seconds();
    for server in api.ice_servers.iter() {
        if let Ok(link) = HeaderValue::from_str(&server.link(now)) {
            headers.append(LINK, link);
        }
    }
    Ok(open_to_all(response))
}

/// The reply to a client's candidates. None are needed, since the client finds the server; a restart of ICE is not supported,
/// because a new session is as quick.
///
/// Source: RFC 9725 §4.3
pub(crate) fn trickled(known: &Known, headers: &HeaderMap, is_strict: bool) -> Response {
    let Known::Open(etag) = known else {
        return gone();
    };
    if let Err(problem) = require(headers, FRAGMENT) {
        return open_to_all(problem.into_response());
    }
    let asked = headers.get(IF_MATCH).map(HeaderValue::as_bytes);
    let refusal = match asked {
        Some(b"*") => (
            StatusCode::UNPROCESSABLE_ENTITY,
            "no_ice_restart",
            "ICE can't be restarted; open a new session",
        ),
        Some(tag) if tag != etag.as_bytes() => (
            StatusCode::PRECONDITION_FAILED,
            "stale",
            "the entity tag is not the one of the session's ICE",
        ),
        None if is_strict => (
            StatusCode::PRECONDITION_REQUIRED,
            "precondition_required",
            "an If-Match with the session's entity tag is needed",
        ),
        Some(_) | None => return open_to_all(StatusCode::NO_CONTENT.into_response()),
    };
    let (status, code, detail) = refusal;
    open_to_all(Problem::new(status, code, detail).into_response())
}

/// The reply where a session was ended, or is not there.
pub(crate) fn ended(known: &Known) -> Response {
    match known {
        Known::Open(_) => open_to_all(StatusCode::OK.into_response()),
        Known::Ended | Known::Unknown => gone(),
    }
}

fn gone() -> Response {
    let problem = Problem::new(StatusCode::NOT_FOUND, "session_not_found", "there is no such session");
    open_to_all(problem.into_response())
}

/// The reply to a browser that asks what it may send from another origin, or to a client that asks what is accepted.
pub(crate) fn describe(methods: &'static str, is_session: bool) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(ALLOW, HeaderValue::from_static(methods));
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(methods));
    headers.insert(
        ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static("Authorization, Content-Type, If-Match"),
    );
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
    if is_session {
        headers.insert(ACCEPT_PATCH, HeaderValue::from_static(FRAGMENT));
    } else {
        headers.insert(ACCEPT_POST, HeaderValue::from_static(SDP));
    }
    open_to_all(response)
}

/// Lets pages of any origin read the reply: a bearer or the session's secret protects it, never a cookie.
pub(crate) fn open_to_all(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(
        ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("Location, ETag, Link, Retry-After, Accept-Patch"),
    );
    response
}
