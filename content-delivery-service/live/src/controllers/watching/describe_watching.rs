//! `OPTIONS /live/{video_id}/whep` and `OPTIONS /p/{token}/{video_id}/whep/{session}`

use super::start_watching::Link;
use crate::controllers::sdp;
use axum::response::Response;
use contracts::VideoId;

/// Describes what viewers may send.
#[utoipa::path(
    options,
    path = "/live/{video_id}/whep",
    operation_id = "describeWatching",
    tag = "live",
    params(("video_id" = VideoId, Path, description = "The lecture"), Link),
    responses((status = 204, description = "`Accept-Post`, and what pages of other origins may send"))
)]
pub(crate) async fn describe_watching() -> Response {
    sdp::describe("POST, OPTIONS", false)
}
