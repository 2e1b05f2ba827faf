//! `DELETE /{video_id}/delete`

use super::documents::Deletion;
use crate::controllers::state::Api;
use crate::services::error::VideoError;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use contracts::VideoId;
use entitlements::models::rights::Asker;
use http::StatusCode;
use runtime::conditional::IfMatch;
use runtime::{Caller, Json, PathId, Problem, ProblemDocument, RequestId};

/// Deletes a lecture in any state; a repeated request gets the same answer.
#[utoipa::path(
    delete,
    path = "/{video_id}/delete",
    operation_id = "deleteVideo",
    tag = "content",
    params(
        ("video_id" = VideoId, Path),
        ("If-Match" = Option<String>, Header, description = "The `ETag` that the deletion is based on."),
    ),
    responses(
        (status = 202, description = "The lecture can't be watched any more; its bytes are being removed.", body = Deletion),
        (status = 404, description = "There is no such lecture that the caller may see.", body = ProblemDocument),
        (status = 412, description = "The lecture has changed since it was read.", body = ProblemDocument),
    )
)]
pub(crate) async fn delete_video(
    State(api): State<Api>,
    caller: Caller,
    request: RequestId,
    PathId(id): PathId<VideoId>,
    if_match: IfMatch,
) -> Result<Response, Problem> {
    let asker = Asker::by(&caller, &request);
    if if_match.names_versions() {
        match api.videos.find(id, asker).await {
            Ok(video) if !if_match.allows_edit(video.version) => return Err(VideoError::Stale.into()),
            // What is wrong otherwise, the deletion says itself; a repeated one has no version any more.
            Ok(_) | Err(_) => (),
        }
    }
    api.videos.delete(id, asker).await?;
    Ok((StatusCode::ACCEPTED, Json(Deletion::of(id))).into_response())
}
