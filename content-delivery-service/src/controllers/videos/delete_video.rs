//! `DELETE /{videoId}/delete`: from now on no byte of a lecture is served.

use super::fetch_video::viewer;
use crate::controllers::state::Uploads;
use crate::services::error::ContentError;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use contracts::VideoId;
use http::StatusCode;
use renditions::models::lecture::Status;
use runtime::{Caller, Json, PathId, ProblemDocument};
use serde::Serialize;

/// What is left of a lecture.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Deletion {
    id: VideoId,
    /// `deleted`.
    status: Status,
}

/// Deletes a lecture at any time of its life; again is answered alike.
#[utoipa::path(
    delete,
    path = "/{video_id}/delete",
    operation_id = "deleteVideo",
    tag = "content",
    params(("video_id" = VideoId, Path)),
    responses(
        (status = 202, description = "It is dark; its bytes are being removed.", body = Deletion),
        (status = 404, description = "There is no such lecture for the caller.", body = ProblemDocument),
    )
)]
pub(crate) async fn delete_video(
    State(state): State<Uploads>,
    caller: Caller,
    PathId(id): PathId<VideoId>,
) -> Result<Response, ContentError> {
    state.videos.delete(id, viewer(&caller)).await?;
    Ok((
        StatusCode::ACCEPTED,
        Json(Deletion {
            id,
            status: Status::Deleted,
        }),
    )
        .into_response())
}
