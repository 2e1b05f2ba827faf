//! `GET /p/{token}/{video_id}/{generation}/{rendition}/{segment}`: a segment of one rendition.

use super::documents::MediaReplies;
use super::media_reply;
use crate::services::stream_service::StreamService;
use axum::extract::{Request, State};
use axum::response::Response;
use contracts::VideoId;

/// A segment.
#[utoipa::path(
    get,
    path = "/p/{token}/{video_id}/{generation}/{rendition}/{segment}",
    operation_id = "serveSegment",
    tag = "media",
    params(
        ("token" = String, Path, description = "The playback token"),
        ("video_id" = VideoId, Path, description = "The lecture"),
        ("generation" = u32, Path, description = "The plan that the bytes belong to"),
        ("rendition" = String, Path, description = "The rendition, such as `source` or `audio`"),
        ("segment" = String, Path, description = "The segment, `{n}.m4s`, counted from 0")
    ),
    responses(MediaReplies)
)]
pub(crate) async fn serve_segment(State(streams): State<StreamService>, request: Request) -> Response {
    media_reply::send(&streams, request, "segment").await
}
