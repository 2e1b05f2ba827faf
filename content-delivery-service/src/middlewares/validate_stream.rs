//! The door of the media plane: nothing behind it is looked at before the token was found good.
//!
//! The path is read as it came over the wire. Whatever is wrong with a token (there is none, it is
//! another video's, changed, run out, revoked) the answer is the same 403, for every method.
//!
//! Source: design §4 "Stream", §6 "Playback token"

use crate::controllers::media_reply::{open_to_all, refusal};
use crate::metric;
use crate::models::media_path::{MediaPath, Part};
use crate::services::open_playbacks::OpenPlayback;
use crate::services::stream_service::StreamService;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_MAX_AGE, ALLOW, RETRY_AFTER,
};
use http::{HeaderValue, Method, StatusCode};
use std::sync::Arc;

/// What a checked request may have.
#[derive(Clone)]
pub(crate) struct Grant {
    /// The session of its token.
    pub(crate) open: Arc<OpenPlayback>,
    /// What its path names.
    pub(crate) part: Part,
}

/// Lets a request through whose token opens the video in its path.
pub(crate) async fn check(State(streams): State<StreamService>, mut request: Request, next: Next) -> Response {
    let path = MediaPath::read(request.uri().path());
    let open = match streams.check(path.token, path.video).await {
        Ok(Some(open)) => open,
        Ok(None) => {
            metrics::counter!(metric::PLAYBACKS_REFUSED).increment(1);
            return refusal(StatusCode::FORBIDDEN);
        }
        Err(error) => {
            tracing::error!(%error, "a playback token could not be looked up");
            let mut response = refusal(StatusCode::SERVICE_UNAVAILABLE);
            response
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from_static("1"));
            return response;
        }
    };
    let Some(part) = path.part else {
        return refusal(StatusCode::NOT_FOUND);
    };
    let methods = match part {
        Part::Heartbeat => "POST, OPTIONS",
        Part::Index | Part::Playlist(..) | Part::Init(..) | Part::Segment(..) => "GET, HEAD, OPTIONS",
    };
    let method = request.method();
    if method == Method::OPTIONS {
        return preflight(methods);
    }
    if !methods.split(", ").any(|one| one == method.as_str()) {
        let mut response = refusal(StatusCode::METHOD_NOT_ALLOWED);
        response.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
        return response;
    }
    request.extensions_mut().insert(Grant { open, part });
    next.run(request).await
}

/// Tells a browser what pages of other origins may send.
fn preflight(methods: &'static str) -> Response {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    open_to_all(headers);
    headers.insert(ALLOW, HeaderValue::from_static(methods));
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(methods));
    headers.insert(
        ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static("Range, If-Range, If-None-Match, If-Match, Content-Type"),
    );
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
    response
}
