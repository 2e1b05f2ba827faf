//! `POST` and `GET /{video_id}/transcode`

use super::documents::TranscodeDocument;
use crate::controllers::state::Api;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use contracts::VideoId;
use entitlements::models::rights::Asker;
use http::StatusCode;
use http::header::CACHE_CONTROL;
use runtime::{Caller, Json, PathId, Problem, ProblemDocument, RequestId};
use serde::Deserialize;

/// The renditions to encode.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TranscodeRequest {
    /// Names of renditions; if all of them are complete and the lecture is ready, all renditions are re-encoded.
    #[serde(default)]
    renditions: Option<Vec<String>>,
}

/// Encodes the renditions that are missing or have failed; a repeated request gets the same answer.
///
/// Without a body, or if some of the named renditions are incomplete, complete renditions are left alone. While a
/// lecture is re-encoded, players get its old renditions until all new ones are complete.
#[utoipa::path(
    post,
    path = "/{video_id}/transcode",
    operation_id = "requestTranscode",
    tag = "content",
    params(("video_id" = VideoId, Path)),
    request_body = Option<TranscodeRequest>,
    responses(
        (status = 202, description = "The work is queued, or already done.", body = TranscodeDocument),
        (status = 404, description = "There is no such lecture that the caller may see.", body = ProblemDocument),
        (status = 409, description = "Its upload is not complete.", body = ProblemDocument),
        (status = 410, description = "The lecture was deleted.", body = ProblemDocument),
        (status = 422, description = "A name is not the name of a rendition.", body = ProblemDocument),
    )
)]
pub(crate) async fn request_transcode(
    State(api): State<Api>,
    caller: Caller,
    request: RequestId,
    PathId(id): PathId<VideoId>,
    body: Option<Json<TranscodeRequest>>,
) -> Result<Response, Problem> {
    let names = body.and_then(|Json(request)| request.renditions).unwrap_or_default();
    let asker = Asker::by(&caller, &request);
    let video = api.videos.find(id, asker).await?;
    api.transcodes.request(&video, &names, asker).await?;
    let video = api.videos.find(id, asker).await?;
    let document = TranscodeDocument::new(id, api.transcodes.progress(&video).await?);
    Ok((StatusCode::ACCEPTED, Json(document)).into_response())
}

/// Shows the progress of a lecture's renditions.
#[utoipa::path(
    get,
    path = "/{video_id}/transcode",
    operation_id = "showTranscode",
    tag = "content",
    params(("video_id" = VideoId, Path)),
    responses(
        (status = 200, description = "The progress.", body = TranscodeDocument),
        (status = 404, description = "There is no such lecture that the caller may see.", body = ProblemDocument),
        (status = 409, description = "Its upload is not complete.", body = ProblemDocument),
        (status = 410, description = "The lecture was deleted.", body = ProblemDocument),
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
