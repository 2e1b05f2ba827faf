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
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ALLOW, CACHE_CONTROL, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use media_store::media_path::{MediaPath, MediaResource};
use runtime::Quiet;
use std::sync::Arc;

const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const EXPOSED: HeaderValue =
    HeaderValue::from_static("Accept-Ranges, Content-Length, Content-Range, Date, ETag, Retry-After");

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
    let mut response = admit(streams, request, controller).await;
    complete(response.headers_mut());
    response.extensions_mut().insert(Quiet);
    response
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
    let methods = match resource {
        MediaResource::Heartbeat | MediaResource::End => "POST, OPTIONS",
        MediaResource::Index | MediaResource::Playlist(..) | MediaResource::Init(..) | MediaResource::Segment(..) => {
            "GET, HEAD, OPTIONS"
        }
    };
    let method = request.method();
    if method == Method::OPTIONS {
        return preflight(methods);
    }
    if !methods.split(", ").any(|one| one == method.as_str()) {
        let mut response = StatusCode::METHOD_NOT_ALLOWED.into_response();
        response.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
        return response;
    }
    let grant = Grant {
        open,
        resource: resource.clone(),
    };
    request.extensions_mut().insert(grant);
    controller(streams, request, resource).await
}

/// Lets pages of any origin read a reply, since the token in the path protects it, and forbids storing one that has no
/// cache rule of its own.
fn complete(headers: &mut HeaderMap) {
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    headers.insert(CROSS_ORIGIN_RESOURCE_POLICY, HeaderValue::from_static("cross-origin"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}

/// Lists what pages of other origins may send.
fn preflight(methods: &'static str) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(ALLOW, HeaderValue::from_static(methods));
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(methods));
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
