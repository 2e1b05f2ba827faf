//! `DELETE /p/{token}/{video_id}/whep/{session}`

use crate::controllers::state::Api;
use crate::controllers::{sdp, session_path};
use crate::sessions::Known;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use contracts::VideoId;
use http::StatusCode;

/// Ends a viewer's session, and its playback.
#[utoipa::path(
    delete,
    path = "/p/{token}/{video_id}/whep/{session}",
    operation_id = "endViewing",
    tag = "media",
    params(
        ("token" = String, Path, description = "The playback token"),
        ("video_id" = VideoId, Path, description = "The lecture"),
        ("session" = String, Path, description = "The session")
    ),
    responses(
        (status = 200, description = "Ended"),
        (status = 403, description = "No session of this token"),
        (status = 404, description = "The session has ended before")
    )
)]
pub(crate) async fn end_viewing(
    State(api): State<Api>,
    Path((token, video, session)): Path<(String, String, String)>,
) -> Response {
    let (known, id) = session_path::viewers(&api.sessions, &token, &video, &session);
    match known {
        Known::Unknown => sdp::open_to_all(StatusCode::FORBIDDEN.into_response()),
        Known::Open(_) | Known::Ended => {
            api.sessions.end(id);
            sdp::ended(&known)
        }
    }
}
