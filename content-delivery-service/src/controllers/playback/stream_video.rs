//! `GET /{videoId}/stream`: opens a playback session and sends the player to its playlist.

use crate::models::playback::session::HEARTBEAT_INTERVAL;
use crate::services::error::ContentError;
use crate::services::stream_service::{Opened, StreamService};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use contracts::{PlaybackId, Timestamp, VideoId};
use http::header::{ACCEPT, CACHE_CONTROL, LOCATION, REFERRER_POLICY, VARY};
use http::{HeaderMap, HeaderValue, StatusCode};
use runtime::accept;
use runtime::{Caller, Json, PathId, ProblemDocument};
use serde::Serialize;

/// A playback session.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = PlaybackSession)]
pub(crate) struct PlaybackDocument {
    /// The session's id.
    session_id: PlaybackId,
    /// Where the HLS multivariant playlist is; whoever holds this URL can watch until it expires.
    hls_url: String,
    /// Where the DASH manifest is; null where there is none.
    dash_url: Option<String>,
    /// When the URLs end by themselves.
    expires_at: Timestamp,
    /// Where a player tells by POST that it is still there, if it loads no media for a while.
    heartbeat_url: String,
    /// After how many seconds without media it should.
    heartbeat_interval: u64,
}

/// Opens a playback session.
#[utoipa::path(
    get,
    path = "/{video_id}/stream",
    operation_id = "streamVideo",
    tag = "content",
    params(
        ("video_id" = VideoId, Path, description = "The video"),
        ("Accept" = Option<String>, Header, description = "`application/json` asks for the session itself")
    ),
    responses(
        (status = 200, description = "The session, asked for by `Accept: application/json`", body = PlaybackDocument),
        (status = 307, description = "To the HLS multivariant playlist"),
        (status = 401, description = "No valid sign-in", body = ProblemDocument),
        (status = 404, description = "No such video (`video_not_found`)", body = ProblemDocument),
        (status = 409, description = "Not yet playable (`not_playable`) or never (`video_failed`)", body = ProblemDocument),
        (status = 410, description = "Deleted (`video_deleted`)", body = ProblemDocument)
    )
)]
pub(crate) async fn stream_video(
    State(streams): State<StreamService>,
    PathId(video): PathId<VideoId>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, ContentError> {
    let opened = streams.open(&caller, video).await?;
    // Players ask for anything; only who names JSON gets it.
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
