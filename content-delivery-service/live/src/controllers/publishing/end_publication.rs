//! `DELETE /live/{video_id}/whip/{session}`

use crate::controllers::state::Api;
use crate::controllers::{sdp, session_path};
use crate::sessions::Known;
use axum::extract::{Path, State};
use axum::response::Response;
use contracts::VideoId;
use runtime::ProblemDocument;

/// Ends a publisher's session; the lecture waits for the next one. Whoever knows the session's URL may.
#[utoipa::path(
    delete,
    path = "/live/{video_id}/whip/{session}",
    operation_id = "endPublication",
    tag = "live",
    params(
        ("video_id" = VideoId, Path, description = "The lecture"),
        ("session" = String, Path, description = "The session")
    ),
    responses(
        (status = 200, description = "Ended"),
        (status = 404, description = "No such session (`session_not_found`)", body = ProblemDocument)
    )
)]
pub(crate) async fn end_publication(
    State(api): State<Api>,
    Path((video, session)): Path<(String, String)>,
) -> Response {
    let (known, id) = session_path::publishers(&api.sessions, &video, &session);
    if matches!(known, Known::Open(_)) {
        api.sessions.end(id);
    }
    sdp::ended(&known)
}
