//! `GET /{video_id}/stream`

use super::documents::PlaybackDocument;
use crate::models::playback::session::HEARTBEAT_INTERVAL;
use crate::services::stream_service::{Opened, StreamService};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use contracts::VideoId;
use http::header::{ACCEPT, CACHE_CONTROL, LOCATION, REFERRER_POLICY, VARY};
use http::{HeaderMap, HeaderValue, StatusCode};
use runtime::{Caller, Json, PathId, Problem, ProblemDocument, RequestId, accept};

/// Opens a playback session.
#[utoipa::path(
    get,
    path = "/{video_id}/stream",
    operation_id = "streamVideo",
    tag = "content",
    params(
        ("video_id" = VideoId, Path, description = "The lecture"),
        ("Accept" = Option<String>, Header, description = "`application/json` asks for the session itself")
    ),
    responses(
        (status = 200, description = "The session, asked for by `Accept: application/json`", body = PlaybackDocument),
        (status = 307, description = "To the HLS multivariant playlist"),
        (status = 401, description = "No valid sign-in", body = ProblemDocument),
        (status = 404, description = "No such lecture (`video_not_found`)", body = ProblemDocument),
        (status = 409, description = "Not yet playable (`not_playable`) or never (`video_failed`)", body = ProblemDocument),
        (status = 410, description = "Deleted (`video_deleted`)", body = ProblemDocument)
    )
)]
pub(crate) async fn stream_video(
    State(streams): State<StreamService>,
    PathId(video): PathId<VideoId>,
    caller: Caller,
    request: RequestId,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let opened = streams.open(&caller, &request, video).await?;
    // Players accept anything; only a client that names JSON gets it.
    let mut response = answer(video, &opened, accept::names(&headers, &ACCEPT, "application/json"));
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(VARY, HeaderValue::from_static("Accept"));
    Ok(response)
}

fn answer(video: VideoId, opened: &Opened, json: bool) -> Response {
    let base = format!("/p/{}/{video}", opened.token);
    let hls_url = format!("{base}/index.m3u8");
    if !json {
        return (StatusCode::TEMPORARY_REDIRECT, [(LOCATION, hls_url)]).into_response();
    }
    Json(PlaybackDocument {
        session_id: opened.id,
        hls_url,
        dash_url: None,
        expires_at: opened.expires_at,
        heartbeat_url: format!("{base}/heartbeat"),
        heartbeat_interval: HEARTBEAT_INTERVAL.as_secs(),
    })
    .into_response()
}
