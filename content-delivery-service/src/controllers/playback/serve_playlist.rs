//! `GET /p/{token}/{video_id}/{generation}/{rendition}/media.m3u8`: the playlist of one rendition.

use super::documents::PlaylistReplies;
use super::media_reply;
use crate::services::stream_service::StreamService;
use axum::extract::{Request, State};
use axum::response::Response;
use contracts::VideoId;

/// A rendition's HLS playlist.
#[utoipa::path(
    get,
    path = "/p/{token}/{video_id}/{generation}/{rendition}/media.m3u8",
    operation_id = "servePlaylist",
    tag = "media",
    params(
        ("token" = String, Path, description = "The playback token"),
        ("video_id" = VideoId, Path, description = "The lecture"),
        ("generation" = u32, Path, description = "The plan that the bytes belong to"),
        ("rendition" = String, Path, description = "The rendition, such as `source` or `audio`")
    ),
    responses(PlaylistReplies)
)]
pub(crate) async fn serve_playlist(State(streams): State<StreamService>, request: Request) -> Response {
    media_reply::send(&streams, request, "playlist").await
}
