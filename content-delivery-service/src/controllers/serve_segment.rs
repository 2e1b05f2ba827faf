//! `GET /p/{token}/{video_id}/{generation}/{rendition}/{segment}`: a segment of one rendition.

use crate::controllers::media_reply;
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
        ("video_id" = VideoId, Path, description = "The video"),
        ("generation" = u32, Path, description = "The plan that the bytes belong to"),
        ("rendition" = String, Path, description = "The rendition, such as `source` or `audio`"),
        ("segment" = String, Path, description = "The segment, `{n}.m4s`, counted from 0")
    ),
    responses(
        (status = 200, description = "The segment", content_type = "video/mp4"),
        (status = 206, description = "The range that was asked for", content_type = "video/mp4"),
        (status = 304, description = "What the client has is still right"),
        (status = 403, description = "The token does not open this, whatever the reason"),
        (status = 404, description = "The video has no such part"),
        (status = 416, description = "The range lies beyond the end")
    )
)]
pub(crate) async fn serve_segment(State(streams): State<StreamService>, request: Request) -> Response {
    media_reply::send(&streams, request, "segment").await
}
