//! `GET /{videoId}`: a lecture.

use super::documents::{VideoDocument, tag};
use crate::controllers::state::Api;
use crate::services::access_service::Asker;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use contracts::VideoId;
use http::StatusCode;
use runtime::conditional::{IfNoneMatch, edits_tag};
use runtime::{Caller, Json, PathId, Problem, ProblemDocument};

/// Shows a lecture to its owner and to admins.
#[utoipa::path(
    get,
    path = "/{video_id}",
    operation_id = "fetchVideo",
    tag = "content",
    params(("video_id" = VideoId, Path)),
    responses(
        (status = 200, description = "The lecture.", body = VideoDocument),
        (status = 404, description = "There is no such lecture that the caller may see.", body = ProblemDocument),
        (status = 410, description = "The lecture was deleted.", body = ProblemDocument),
    )
)]
pub(crate) async fn fetch_video(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<VideoId>,
    if_none_match: IfNoneMatch,
) -> Result<Response, Problem> {
    let asker = Asker::from(&caller);
    let video = api.videos.find(id, asker).await?;
    let etag = edits_tag(video.version, video.changes);
    let document = VideoDocument::from(api.videos.overview(video, asker).await?);
    // Incoming bytes and encoders at work show, although no row of the lecture changes.
    let mut response = if if_none_match.has(&etag) && !document.is_moving() {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Json(document).into_response()
    };
    tag(&mut response, etag);
    Ok(response)
}
