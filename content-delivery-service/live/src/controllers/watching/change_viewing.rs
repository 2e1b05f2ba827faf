//! `PATCH /p/{token}/{video_id}/whep/{session}`

use crate::controllers::state::Api;
use crate::controllers::{sdp, session_path};
use crate::sessions::Known;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use contracts::VideoId;
use http::{HeaderMap, StatusCode};

/// Takes a viewer's ICE candidates, which are not needed.
#[utoipa::path(
    patch,
    path = "/p/{token}/{video_id}/whep/{session}",
    operation_id = "changeViewing",
    tag = "media",
    params(
        ("token" = String, Path, description = "The playback token"),
        ("video_id" = VideoId, Path, description = "The lecture"),
        ("session" = String, Path, description = "The session")
    ),
    request_body(content = String, content_type = "application/trickle-ice-sdpfrag", description = "Candidates"),
    responses(
        (status = 204, description = "Taken"),
        (status = 403, description = "No session of this token"),
        (status = 404, description = "The session has ended"),
        (status = 412, description = "Another entity tag"),
        (status = 415, description = "Not `application/trickle-ice-sdpfrag`"),
        (status = 422, description = "A restart of ICE, which is not supported")
    )
)]
pub(crate) async fn change_viewing(
    State(api): State<Api>,
    Path((token, video, session)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Response {
    let (known, _) = session_path::viewers(&api.sessions, &token, &video, &session);
    if known == Known::Unknown {
        return sdp::open_to_all(StatusCode::FORBIDDEN.into_response());
    }
    // Some clients send no entity tag.
    sdp::trickled(&known, &headers, false)
}
