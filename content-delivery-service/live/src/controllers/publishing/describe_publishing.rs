//! `OPTIONS /live/{video_id}/whip` and `OPTIONS /live/{video_id}/whip/{session}`

use super::start_publishing::Sent;
use crate::controllers::sdp;
use axum::response::Response;
use contracts::VideoId;

/// Describes what publishers may send.
#[utoipa::path(
    options,
    path = "/live/{video_id}/whip",
    operation_id = "describePublishing",
    tag = "live",
    params(("video_id" = VideoId, Path, description = "The lecture"), Sent),
    responses((status = 204, description = "`Accept-Post`, and what pages of other origins may send"))
)]
pub(crate) async fn describe_publishing() -> Response {
    sdp::describe("POST, OPTIONS", false)
}

/// Describes what may be sent to a publisher's session.
#[utoipa::path(
    options,
    path = "/live/{video_id}/whip/{session}",
    operation_id = "describePublication",
    tag = "live",
    params(
        ("video_id" = VideoId, Path, description = "The lecture"),
        ("session" = String, Path, description = "The session")
    ),
    responses((status = 204, description = "`Accept-Patch`, and what pages of other origins may send"))
)]
pub(crate) async fn describe_publication() -> Response {
    sdp::describe("PATCH, DELETE, OPTIONS", true)
}
