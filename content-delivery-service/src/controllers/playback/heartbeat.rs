//! `POST /p/{token}/{video_id}/heartbeat`

use contracts::VideoId;
use http::StatusCode;

/// Keeps a playback session alive; media requests do so too.
#[utoipa::path(
    post,
    path = "/p/{token}/{video_id}/heartbeat",
    operation_id = "heartbeat",
    tag = "media",
    params(
        ("token" = String, Path, description = "The playback token"),
        ("video_id" = VideoId, Path, description = "The lecture")
    ),
    responses(
        (status = 204, description = "The session is open"),
        (status = 403, description = "The session has ended; open the stream again")
    )
)]
pub(crate) async fn heartbeat() -> StatusCode {
    // The check of the token has noted the time already.
    StatusCode::NO_CONTENT
}
