//! `PATCH /{video_id}`

use super::documents::{VideoDocument, tag};
use crate::controllers::state::Api;
use crate::models::videos::video_edit::VideoEdit;
use crate::services::error::VideoError;
use crate::services::video_service::new_visibility;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use contracts::VideoId;
use entitlements::models::rights::Asker;
use entitlements::models::sharing::Visibility;
use runtime::conditional::{IfMatch, edits_tag};
use runtime::{Caller, Json, PathId, Problem, ProblemDocument, RequestId};
use serde::Deserialize;

/// The fields to change; an absent field stays.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VideoChange {
    /// One line, 1 to 200 characters.
    title: Option<String>,
    /// At most 5,000 characters; may have several lines.
    description: Option<String>,
    /// Who may watch it without a course; `link` after another value makes a new link.
    visibility: Option<Visibility>,
}

/// Changes title, description and who may watch; `If-Match` with the lecture's `ETag` guards against overwriting others' changes.
#[utoipa::path(
    patch,
    path = "/{video_id}",
    operation_id = "updateVideo",
    tag = "content",
    params(("video_id" = VideoId, Path)),
    request_body = VideoChange,
    responses(
        (status = 200, description = "The changed lecture.", body = VideoDocument),
        (status = 412, description = "The lecture has changed since it was read.", body = ProblemDocument),
        (status = 422, description = "A field is wrong.", body = ProblemDocument),
    )
)]
pub(crate) async fn update_video(
    State(api): State<Api>,
    caller: Caller,
    request: RequestId,
    PathId(id): PathId<VideoId>,
    if_match: IfMatch,
    Json(change): Json<VideoChange>,
) -> Result<Response, Problem> {
    let asker = Asker::by(&caller, &request);
    let version = if if_match.names_versions() {
        let version = api.videos.find(id, asker).await?.version;
        if !if_match.allows_edit(version) {
            return Err(VideoError::Stale.into());
        }
        Some(version)
    } else {
        None
    };
    let edit = VideoEdit {
        title: change.title,
        description: change.description,
        visibility: change.visibility.map(new_visibility).transpose()?,
    };
    let video = api.videos.update(id, asker, edit, version).await?;
    let etag = edits_tag(video.version, video.changes);
    let document = VideoDocument::from(api.videos.overview(video, asker).await?);
    let mut response = Json(document).into_response();
    tag(&mut response, etag);
    Ok(response)
}
