//! `DELETE /{video_id}/delete`

use super::documents::Deletion;
use crate::controllers::state::Api;
use crate::services::access_service::Asker;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use contracts::VideoId;
use http::StatusCode;
use runtime::{Caller, Json, PathId, Problem, ProblemDocument, RequestId};

/// Deletes a lecture in any state; a repeated request gets the same answer.
#[utoipa::path(
    delete,
    path = "/{video_id}/delete",
    operation_id = "deleteVideo",
    tag = "content",
    params(("video_id" = VideoId, Path)),
    responses(
        (status = 202, description = "The lecture can't be watched any more; its bytes are being removed.", body = Deletion),
        (status = 404, description = "There is no such lecture that the caller may see.", body = ProblemDocument),
    )
)]
pub(crate) async fn delete_video(
    State(api): State<Api>,
    caller: Caller,
    request: RequestId,
    PathId(id): PathId<VideoId>,
) -> Result<Response, Problem> {
    api.videos.delete(id, Asker::by(&caller, &request)).await?;
    Ok((StatusCode::ACCEPTED, Json(Deletion::of(id))).into_response())
}
