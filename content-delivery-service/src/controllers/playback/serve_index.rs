//! `GET /p/{token}/{video_id}/index.m3u8`: the multivariant playlist of a session.

use super::documents::PlaylistReplies;
use super::media_reply;
use crate::services::stream_service::StreamService;
use axum::extract::{Request, State};
use axum::response::Response;
use contracts::VideoId;

/// The HLS multivariant playlist.
#[utoipa::path(
    get,
    path = "/p/{token}/{video_id}/index.m3u8",
    operation_id = "serveIndex",
    tag = "media",
    params(
        ("token" = String, Path, description = "The playback token"),
        ("video_id" = VideoId, Path, description = "The lecture")
    ),
    responses(PlaylistReplies)
)]
pub(crate) async fn serve_index(State(streams): State<StreamService>, request: Request) -> Response {
    media_reply::send(&streams, request, "index").await
}
