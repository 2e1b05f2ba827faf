//! The door of the media plane: nothing behind it runs before the token is verified.
//!
//! The path is read as it came over the wire. Whatever is wrong with a token (missing, another video's, changed, expired,
//! revoked), the reply is the same 403, for every method: it reveals nothing about the token or the video. Pages of any
//! origin can read every reply of the plane, this one too, and no cache stores a reply unless a controller gives it a
//! cache rule.

use crate::metric;
use crate::services::stream_service::StreamService;
use crate::services::stream_service::open_playbacks::OpenPlayback;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ALLOW, CACHE_CONTROL, RETRY_AFTER,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use media_store::media_path::{MediaPath, MediaResource};
use runtime::{Quiet, RequestHead};
use std::sync::Arc;

const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const ANY_ORIGIN: HeaderValue = HeaderValue::from_static("*");
const CROSS_ORIGIN: HeaderValue = HeaderValue::from_static("cross-origin");
const EXPOSED: HeaderValue =
    HeaderValue::from_static("Accept-Ranges, Content-Length, Content-Range, Date, ETag, Retry-After");

static READS: [Method; 2] = [Method::GET, Method::HEAD];
const LISTED_READS: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");
static WRITES: [Method; 1] = [Method::POST];
const LISTED_WRITES: HeaderValue = HeaderValue::from_static("POST, OPTIONS");

/// What a checked request may read.
#[derive(Clone)]
pub(crate) struct Grant {
    /// The session of its token.
    pub(crate) open: Arc<OpenPlayback>,
    /// What its path names.
    pub(crate) resource: MediaResource,
}

/// Hands a request to the controller if its token opens the video in its path, and completes the headers of the reply.
pub(crate) async fn check<F, A>(streams: StreamService, request: Request, controller: F) -> Response
where
    F: FnOnce(StreamService, Request, MediaResource) -> A,
    A: Future<Output = Response>,
{
    completed(admit(streams, request, controller).await)
}

/// A reply of the plane with the headers that all have.
pub(crate) fn completed(mut response: Response) -> Response {
    complete(response.headers_mut());
    response.extensions_mut().insert(Quiet);
    response
}

/// What a request may read, if that is known without waiting; everything else is for [`check`], refusals too.
pub(crate) fn grant_at_once(streams: &StreamService, head: RequestHead<'_>) -> Option<Grant> {
    let path = MediaPath::read(head.path);
    let resource = path.resource?;
    if !methods(&resource).0.contains(head.method) {
        return None;
    }
    let open = streams.check_at_once(path.token, path.video?)?;
    Some(Grant { open, resource })
}

async fn admit<F, A>(streams: StreamService, mut request: Request, controller: F) -> Response
where
    F: FnOnce(StreamService, Request, MediaResource) -> A,
    A: Future<Output = Response>,
{
    let path = MediaPath::read(request.uri().path());
    let open = match streams.check(path.token, path.video).await {
        Ok(Some(open)) => open,
        Ok(None) => {
            metrics::counter!(metric::PLAYBACKS_REFUSED).increment(1);
            return StatusCode::FORBIDDEN.into_response();
        }
        Err(error) => {
            tracing::error!(%error, "a playback token could not be looked up");
            let mut response = StatusCode::SERVICE_UNAVAILABLE.into_response();
            response
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from_static("1"));
            return response;
        }
    };
    let Some(resource) = path.resource else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let (methods, listed) = methods(&resource);
    if request.method() == Method::OPTIONS {
        return preflight(listed);
    }
    if !methods.contains(request.method()) {
        let mut response = StatusCode::METHOD_NOT_ALLOWED.into_response();
        response.headers_mut().insert(ALLOW, listed);
        return response;
    }
    let grant = Grant {
        open,
        resource: resource.clone(),
    };
    request.extensions_mut().insert(grant);
    controller(streams, request, resource).await
}

/// The methods of a resource besides `OPTIONS`, and the list of all of them.
fn methods(resource: &MediaResource) -> (&'static [Method], HeaderValue) {
    match resource {
        MediaResource::Heartbeat | MediaResource::End => (&WRITES, LISTED_WRITES),
        MediaResource::Index
        | MediaResource::Playlist(..)
        | MediaResource::Init(..)
        | MediaResource::NumberedInit(..)
        | MediaResource::Part(..)
        | MediaResource::Segment(..) => (&READS, LISTED_READS),
    }
}

/// Lets pages of any origin read a reply, since the token in the path protects it, and forbids storing one that has no
/// cache rule of its own.
pub(crate) fn complete(headers: &mut HeaderMap) {
    headers.entry(CACHE_CONTROL).or_insert(NO_STORE);
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, ANY_ORIGIN);
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    headers.insert(CROSS_ORIGIN_RESOURCE_POLICY, CROSS_ORIGIN);
}

/// Lists what pages of other origins may send.
fn preflight(methods: HeaderValue) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(ALLOW, methods.clone());
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
    headers.insert(
        ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static("Range, If-Range, If-None-Match, If-Match, Content-Type"),
    );
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_stored_nowhere_unless_it_has_a_cache_rule() {
        let mut headers = HeaderMap::new();
        complete(&mut headers);
        assert_eq!(headers[CACHE_CONTROL], "no-store");
        let rule = HeaderValue::from_static("private, max-age=60");
        let mut headers = HeaderMap::from_iter([(CACHE_CONTROL, rule.clone())]);
        complete(&mut headers);
        assert_eq!(headers.get_all(CACHE_CONTROL).iter().collect::<Vec<_>>(), [&rule]);
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_ORIGIN], "*");
    }
}
