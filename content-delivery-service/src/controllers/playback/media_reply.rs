//! Replies with bytes of the media plane: all of them, a range, or nothing that the client already has.
//!
//! `send` waits for media that must be loaded first. `send_fast` replies before the router is asked: with what is in
//! memory, or with a playlist that its player waits for, as players of live lectures do for each part.
//! The headers that every reply of the plane has come from `middlewares::validate_stream`.
//!
//! Source: RFC 9110 §13 (conditional requests), §14 (ranges); RFC 9213 (`CDN-Cache-Control`)

use crate::middlewares::validate_stream::{self, Grant};
use crate::services::stream_service::StreamService;
use crate::services::stream_service::live_streams::Asked;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use backing::objects::ObjectError;
use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, ETAG, RETRY_AFTER,
    VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use media_store::live_file;
use media_store::media_bytes::{MediaBytes, MediaKind};
use media_store::media_path::MediaResource;
use media_store::store::MediaError;
use runtime::conditional::range::Wanted;
use runtime::conditional::{IfMatch, IfNoneMatch, range_applies};
use runtime::{FastAnswer, Problem, RequestHead, accept};

/// The method, the query and the headers of a request.
type Head<'a> = (&'a Method, &'a str, &'a HeaderMap);

/// How many headers a reply has at least room for.
const HEADERS: usize = 16;
const CDN_CACHE_CONTROL: HeaderName = HeaderName::from_static("cdn-cache-control");
const BYTES: HeaderValue = HeaderValue::from_static("bytes");

/// Replies to a request that the token's check has let through; `kind` is its label in the metrics.
pub(crate) async fn send(streams: &StreamService, request: Request, kind: &'static str) -> Response {
    let (parts, _) = request.into_parts();
    let Some(grant) = parts.extensions.get::<Grant>() else {
        return StatusCode::FORBIDDEN.into_response();
    };
    let query = parts.uri.query().unwrap_or_default();
    send_granted(streams, grant, (&parts.method, query, &parts.headers), kind).await
}

async fn send_granted(streams: &StreamService, grant: &Grant, head: Head<'_>, kind: &'static str) -> Response {
    let (method, query, headers) = head;
    streams.counters().request(kind);
    let Some(reload) = live_file::reload(query) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let unpacks = accept::names(headers, &ACCEPT_ENCODING, "gzip");
    let asked = Asked { reload, unpacks };
    match streams.media(&grant.open, &grant.resource, asked).await {
        Ok(media) => {
            let response = reply(method, headers, &media);
            count_sent(streams, method, &response);
            response.map(Body::from)
        }
        Err(error) => failure(grant, &error),
    }
}

/// Replies to a request before the router is asked, as the check of the token and [`send`] would; `None` if they have to.
pub(crate) fn send_fast(
    streams: &StreamService,
    head: RequestHead<'_>,
    row: impl FnOnce(&MediaResource) -> &'static str,
) -> Option<FastAnswer> {
    let grant = validate_stream::grant_at_once(streams, head)?;
    let kind = match grant.resource {
        MediaResource::Playlist(..) => "playlist",
        MediaResource::Init(..) | MediaResource::NumberedInit(..) => "init",
        MediaResource::Segment(..) | MediaResource::Part(..) => "segment",
        MediaResource::Index | MediaResource::Heartbeat | MediaResource::End => return None,
    };
    let route = row(&grant.resource);
    if matches!(grant.resource, MediaResource::Playlist(..)) && !head.query.is_empty() && head.method == Method::GET {
        let asked = (head.query.to_owned(), head.headers.clone());
        return Some(FastAnswer::later(route, send_reload(streams.clone(), grant, asked)));
    }
    let media = streams.media_at_once(&grant.open, grant.resource)?;
    streams.counters().request(kind);
    let mut response = reply(head.method, head.headers, &media);
    count_sent(streams, head.method, &response);
    validate_stream::complete(response.headers_mut());
    Some(FastAnswer::now(route, response))
}

/// Waits for a playlist, and replies to its player.
async fn send_reload(streams: StreamService, grant: Grant, (query, headers): (String, HeaderMap)) -> Response {
    let head = (&Method::GET, &*query, &headers);
    validate_stream::completed(send_granted(&streams, &grant, head, "playlist").await)
}

fn count_sent(streams: &StreamService, method: &Method, response: &Response<Bytes>) {
    if method != Method::HEAD {
        let sent = response.body().len();
        streams.counters().sent(u64::try_from(sent).unwrap_or(u64::MAX));
    }
}

fn failure(grant: &Grant, error: &MediaError) -> Response {
    match error.root() {
        MediaError::NoSuchResource => StatusCode::NOT_FOUND.into_response(),
        MediaError::Ended => StatusCode::FORBIDDEN.into_response(),
        MediaError::TooFar => StatusCode::BAD_REQUEST.into_response(),
        MediaError::Late => {
            let mut response = StatusCode::SERVICE_UNAVAILABLE.into_response();
            insert(response.headers_mut(), RETRY_AFTER, "1");
            response
        }
        MediaError::Busy => Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", MediaError::Busy.to_string())
            .retry_after(1)
            .into_response(),
        root => {
            let video = grant.open.claims.video;
            tracing::error!(%video, resource = ?grant.resource, error = %root, "media could not be read");
            if matches!(root, MediaError::Objects(ObjectError::NotFound)) {
                return StatusCode::NOT_FOUND.into_response();
            }
            let mut response = StatusCode::SERVICE_UNAVAILABLE.into_response();
            insert(response.headers_mut(), RETRY_AFTER, "2");
            response
        }
    }
}

/// Replies with media, as the request's conditions and range say.
fn reply(method: &Method, asked: &HeaderMap, media: &MediaBytes) -> Response<Bytes> {
    let tag = &media.tag;
    if !IfMatch::of(asked).allows(tag) {
        return without_body(StatusCode::PRECONDITION_FAILED);
    }
    if IfNoneMatch::of(asked).has(tag) {
        let mut response = without_body(StatusCode::NOT_MODIFIED);
        describe(response.headers_mut(), media);
        return response;
    }
    let length = media.bytes.len();
    let range = if method == Method::GET && range_applies(asked, tag) {
        Wanted::of(asked, length)
    } else {
        Wanted::All
    };
    let mut response = match range {
        Wanted::All => Response::new(media.bytes.clone()),
        Wanted::Part(range) => {
            let content_range = format!("bytes {}-{}/{length}", range.start, range.end - 1);
            let mut response = Response::new(media.bytes.slice(range));
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            insert(response.headers_mut(), CONTENT_RANGE, &content_range);
            response
        }
        Wanted::Nothing => {
            let mut response = without_body(StatusCode::RANGE_NOT_SATISFIABLE);
            insert(response.headers_mut(), CONTENT_RANGE, &format!("bytes */{length}"));
            return response;
        }
    };
    let headers = response.headers_mut();
    // More come on the way out; a map that grows on the way sorts all of them again.
    headers.reserve(HEADERS);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media.kind.content_type()));
    headers.insert(ACCEPT_RANGES, BYTES);
    describe(headers, media);
    response
}

fn without_body(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}

fn describe(headers: &mut HeaderMap, media: &MediaBytes) {
    let (private, shared) = media.kind.cache_rules();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(private));
    headers.insert(CDN_CACHE_CONTROL, HeaderValue::from_static(shared));
    if media.kind == MediaKind::LivePlaylist {
        headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    }
    if media.is_packed {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    match HeaderValue::from_maybe_shared(media.tag.clone()) {
        Ok(tag) if !tag.is_empty() => {
            headers.insert(ETAG, tag);
        }
        _ => {}
    }
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(method: &Method, headers: &[(&str, &str)]) -> Response<Bytes> {
        let mut asked = HeaderMap::new();
        for (name, value) in headers {
            let name: HeaderName = name.parse().unwrap();
            asked.append(name, HeaderValue::from_str(value).unwrap());
        }
        let media = MediaBytes {
            kind: MediaKind::Video,
            bytes: Bytes::from_static(b"0123456789"),
            is_packed: false,
            tag: Bytes::from_static(b"\"x-1\""),
        };
        reply(method, &asked, &media)
    }

    fn range(value: &str) -> (u16, Option<String>) {
        let response = ask(&Method::GET, &[("range", value)]);
        let content_range = response
            .headers()
            .get(CONTENT_RANGE)
            .map(|value| value.to_str().unwrap().to_owned());
        (response.status().as_u16(), content_range)
    }

    #[test]
    fn single_ranges_are_honoured() {
        for (value, content_range) in [
            ("bytes=0-0", "bytes 0-0/10"),
            ("bytes=2-", "bytes 2-9/10"),
            ("bytes=-3", "bytes 7-9/10"),
            ("bytes=-300", "bytes 0-9/10"),
            ("BYTES=5-99999999999999999999999", "bytes 5-9/10"),
        ] {
            assert_eq!(range(value), (206, Some(content_range.to_owned())), "{value}");
        }
    }

    #[test]
    fn what_lies_beyond_the_end_is_refused_with_the_length() {
        for value in ["bytes=10-", "bytes=10-11", "bytes=-0", "bytes=99999999999999999999999-"] {
            assert_eq!(range(value), (416, Some("bytes */10".to_owned())), "{value}");
        }
    }

    #[test]
    fn what_is_no_single_range_gets_everything() {
        for value in [
            "bytes=9-1",
            "bytes=0-1,3-4",
            "bytes=",
            "bytes=-",
            "bytes=a-b",
            "bytes=+1-2",
            "lines=1-2",
            "x",
        ] {
            assert_eq!(range(value), (200, None), "{value}");
        }
        let twice = ask(&Method::GET, &[("range", "bytes=0-1"), ("range", "bytes=2-3")]);
        assert_eq!(twice.status(), StatusCode::OK);
        assert_eq!(ask(&Method::HEAD, &[("range", "bytes=0-1")]).status(), StatusCode::OK);
    }

    #[test]
    fn a_range_of_another_version_gets_everything() {
        let part = [("range", "bytes=0-1"), ("if-range", "\"x-1\"")];
        assert_eq!(ask(&Method::GET, &part).status(), StatusCode::PARTIAL_CONTENT);
        for other in ["\"x-2\"", "W/\"x-1\"", "Wed, 25 Nov 2026 10:00:00 GMT"] {
            let part = [("range", "bytes=0-1"), ("if-range", other)];
            assert_eq!(ask(&Method::GET, &part).status(), StatusCode::OK, "{other}");
        }
    }

    #[test]
    fn what_the_client_has_is_not_sent_again() {
        for known in ["\"x-1\"", "W/\"x-1\"", "\"a\", \"x-1\"", "*"] {
            let response = ask(&Method::GET, &[("if-none-match", known), ("range", "bytes=0-1")]);
            assert_eq!(response.status(), StatusCode::NOT_MODIFIED, "{known}");
            assert_eq!(response.headers()[ETAG], "\"x-1\"");
        }
        assert_eq!(
            ask(&Method::GET, &[("if-none-match", "\"x-2\"")]).status(),
            StatusCode::OK
        );
        assert_eq!(
            ask(&Method::GET, &[("if-match", "\"x-2\"")]).status(),
            StatusCode::PRECONDITION_FAILED
        );
        assert_eq!(ask(&Method::GET, &[("if-match", "\"x-1\"")]).status(), StatusCode::OK);
    }

    #[test]
    fn browsers_and_shared_caches_have_cache_rules_of_their_own() {
        let response = ask(&Method::GET, &[]);
        assert_eq!(
            response.headers()[CACHE_CONTROL],
            "private, max-age=31536000, immutable"
        );
        assert_eq!(
            response.headers()[CDN_CACHE_CONTROL],
            "public, max-age=31536000, immutable"
        );
    }
}
