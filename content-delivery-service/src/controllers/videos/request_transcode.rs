//! `POST` and `GET /{video_id}/transcode`

use super::documents::TranscodeDocument;
use crate::controllers::state::Api;
use crate::services::access_service::Asker;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use contracts::VideoId;
use http::StatusCode;
use http::header::CACHE_CONTROL;
use runtime::{Caller, Json, PathId, Problem, ProblemDocument};
use serde::Deserialize;

/// What is to be made.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TranscodeRequest {
    /// Names of renditions; where all of them are complete and the lecture is ready, its renditions are made anew.
    #[serde(default)]
    renditions: Option<Vec<String>>,
}

/// Has done what is missing of a lecture's renditions or has failed; again is answered alike.
///
/// Without a body, or with names of which some are not complete, nothing that is there is made anew. While renditions
/// are made anew, the old ones are served until the last new one is complete.
#[utoipa::path(
    post,
    path = "/{video_id}/transcode",
    operation_id = "requestTranscode",
    tag = "content",
    params(("video_id" = VideoId, Path)),
    request_body = Option<TranscodeRequest>,
    responses(
        (status = 202, description = "It is on its way, or done already.", body = TranscodeDocument),
        (status = 404, description = "There is no such lecture for the caller.", body = ProblemDocument),
        (status = 409, description = "Its bytes are still coming.", body = ProblemDocument),
        (status = 410, description = "It was deleted.", body = ProblemDocument),
        (status = 422, description = "A name is no rendition's.", body = ProblemDocument),
    )
)]
pub(crate) async fn request_transcode(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<VideoId>,
    body: Option<Json<TranscodeRequest>>,
) -> Result<Response, Problem> {
    let names = body.and_then(|Json(request)| request.renditions).unwrap_or_default();
    let asker = Asker::from(&caller);
    let video = api.videos.find(id, asker).await?;
    api.transcodes.request(&video, &names).await?;
    let video = api.videos.find(id, asker).await?;
    let document = TranscodeDocument::new(id, api.transcodes.progress(&video).await?);
    Ok((StatusCode::ACCEPTED, Json(document)).into_response())
}

/// Shows how far a lecture's renditions are.
#[utoipa::path(
    get,
    path = "/{video_id}/transcode",
    operation_id = "showTranscode",
    tag = "content",
    params(("video_id" = VideoId, Path)),
    responses(
        (status = 200, description = "How far they are.", body = TranscodeDocument),
        (status = 404, description = "There is no such lecture for the caller.", body = ProblemDocument),
        (status = 409, description = "Its bytes are still coming.", body = ProblemDocument),
        (status = 410, description = "It was deleted.", body = ProblemDocument),
    )
)]
pub(crate) async fn show_transcode(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<VideoId>,
) -> Result<Response, Problem> {
    let video = api.videos.find(id, Asker::from(&caller)).await?;
    let document = TranscodeDocument::new(id, api.transcodes.progress(&video).await?);
    Ok(([(CACHE_CONTROL, "private, no-cache")], Json(document)).into_response())
}
