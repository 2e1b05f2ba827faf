//! `GET /p/{token}/{video_id}/{generation}/{rendition}/init.mp4`: the init segment of one rendition.

use super::documents::MediaReplies;
use super::media_reply;
use crate::services::stream_service::StreamService;
use axum::extract::{Request, State};
use axum::response::Response;
use contracts::VideoId;

/// A rendition's init segment.
#[utoipa::path(
    get,
    path = "/p/{token}/{video_id}/{generation}/{rendition}/init.mp4",
    operation_id = "serveInit",
    tag = "media",
    params(
        ("token" = String, Path, description = "The playback token"),
        ("video_id" = VideoId, Path, description = "The lecture"),
        ("generation" = u32, Path, description = "The plan that the bytes belong to"),
        ("rendition" = String, Path, description = "The rendition, such as `source` or `audio`")
    ),
    responses(MediaReplies)
)]
pub(crate) async fn serve_init(State(streams): State<StreamService>, request: Request) -> Response {
    media_reply::send(&streams, request, "init").await
}
