//! Looks at the head of a request before anything else does.

use super::host::PublicHost;
use crate::Problem;
use http::header::HOST;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode, Uri, Version};

const MAX_URI_BYTES: usize = 8 * 1_024;
const MAX_HEAD_BYTES: usize = 32 * 1_024;
/// The most headers of a request.
pub(super) const MAX_HEADERS: usize = 100;

/// Why a head is refused, if it is.
pub(super) fn refuse(uri: &Uri, version: Version, headers: &HeaderMap) -> Option<Problem> {
    if uri
        .path_and_query()
        .is_some_and(|uri| uri.as_str().len() > MAX_URI_BYTES)
    {
        let detail = format!("the address is longer than {MAX_URI_BYTES} bytes");
        return Some(Problem::new(StatusCode::URI_TOO_LONG, "uri_too_long", detail));
    }
    let bytes: usize = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum();
    if bytes > MAX_HEAD_BYTES || headers.len() > MAX_HEADERS {
        let detail = format!("the headers are more than {MAX_HEADERS} or larger than {MAX_HEAD_BYTES} bytes");
        return Some(Problem::new(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "headers_too_large",
            detail,
        ));
    }
    let hosts = headers.get_all(HOST).iter().count();
    if hosts > 1 || (hosts == 0 && version == Version::HTTP_11) {
        return Some(Problem::new(
            StatusCode::BAD_REQUEST,
            "bad_host",
            "a request has one Host header",
        ));
    }
    None
}

/// Refuses a request that is meant for another server, as a page of a stranger's domain that leads here would send.
pub(super) fn refuse_host(uri: &Uri, headers: &HeaderMap, host: Option<&PublicHost>) -> Option<Problem> {
    if !is_misdirected(uri, headers, host) {
        return None;
    }
    crate::metric::refused("host");
    Some(Problem::new(
        StatusCode::MISDIRECTED_REQUEST,
        "misdirected_request",
        "this server is known by another name; a proxy in front of it has to pass the Host header on",
    ))
}

/// Whether a request is meant for another server; there is no host for a trusted proxy, which answers for its own requests.
///
/// What machines look at every few seconds is answered under any name.
///
/// Source: RFC 9110 §7.4
pub(super) fn is_misdirected(uri: &Uri, headers: &HeaderMap, host: Option<&PublicHost>) -> bool {
    let Some(host) = host else { return false };
    let named = match uri.authority() {
        Some(authority) => authority.as_str(),
        None => match headers.get(HOST) {
            Some(named) => named.to_str().unwrap_or_default(),
            None => return false,
        },
    };
    let path = uri.path();
    !(host.answers_to(named) || path.starts_with("/health/") || path == "/metrics")
}

/// Whom the request is addressed to stands in its target over HTTP/2 and in absolute form; the routes find it in `Host`.
///
/// Source: RFC 9113 §8.3.1, RFC 9112 §3.2.2
pub(super) fn take_host_from_target(parts: &mut Parts) {
    let authority = parts.uri.authority().map(|it| HeaderValue::from_str(it.as_str()));
    if let Some(Ok(host)) = authority {
        parts.headers.insert(HOST, host);
    }
}

/// `/api/v1/users/profile/` is `/api/v1/users/profile`.
pub(super) fn drop_trailing_slash(uri: &mut Uri) {
    let Some(path) = uri.path().strip_suffix('/').filter(|path| !path.is_empty()) else {
        return;
    };
    let shorter = uri
        .query()
        .map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
    let mut parts = uri.clone().into_parts();
    if let Ok(shorter) = shorter.parse() {
        parts.path_and_query = Some(shorter);
        if let Ok(new) = Uri::from_parts(parts) {
            *uri = new;
        }
    }
}
