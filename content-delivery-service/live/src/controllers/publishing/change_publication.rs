//! `PATCH /live/{video_id}/whip/{session}`

use crate::controllers::state::Api;
use crate::controllers::{sdp, session_path};
use axum::extract::{Path, State};
use axum::response::Response;
use contracts::VideoId;
use http::HeaderMap;
use runtime::ProblemDocument;

/// Takes a publisher's ICE candidates, which are not needed. Whoever knows the session's URL may.
#[utoipa::path(
    patch,
    path = "/live/{video_id}/whip/{session}",
    operation_id = "changePublication",
    tag = "live",
    params(
        ("video_id" = VideoId, Path, description = "The lecture"),
        ("session" = String, Path, description = "The session"),
        ("If-Match" = String, Header, description = "The session's entity tag")
    ),
    request_body(content = String, content_type = "application/trickle-ice-sdpfrag", description = "Candidates"),
    responses(
        (status = 204, description = "Taken"),
        (status = 404, description = "No such session (`session_not_found`)", body = ProblemDocument),
        (status = 412, description = "Another entity tag (`stale`)", body = ProblemDocument),
        (status = 415, description = "Not `application/trickle-ice-sdpfrag` (`unsupported_media_type`)", body = ProblemDocument),
        (status = 422, description = "A restart of ICE, which is not supported (`no_ice_restart`)", body = ProblemDocument),
        (status = 428, description = "No entity tag (`precondition_required`)", body = ProblemDocument)
    )
)]
pub(crate) async fn change_publication(
    State(api): State<Api>,
    Path((video, session)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let (known, _) = session_path::publishers(&api.sessions, &video, &session);
    sdp::trickled(&known, &headers, true)
}
