//! `POST /p/{token}/{video_id}/end`

use crate::middlewares::validate_stream::Grant;
use crate::services::error::Failure;
use crate::services::stream_service::StreamService;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use contracts::VideoId;
use http::StatusCode;
use runtime::Problem;

/// Ends a playback session whose player is done. A page that is closed can send nothing but a POST.
#[utoipa::path(
    post,
    path = "/p/{token}/{video_id}/end",
    operation_id = "endPlayback",
    tag = "media",
    params(
        ("token" = String, Path, description = "The playback token"),
        ("video_id" = VideoId, Path, description = "The lecture")
    ),
    responses(
        (status = 204, description = "The session has ended, and its place is free"),
        (status = 403, description = "The session had ended before")
    )
)]
pub(crate) async fn end_playback(State(streams): State<StreamService>, request: Request) -> Response {
    let Some(grant) = request.extensions().get::<Grant>() else {
        return StatusCode::FORBIDDEN.into_response();
    };
    match streams.leave(&grant.open).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => Problem::from(Failure::from(error)).into_response(),
    }
}
