//! `PATCH /{videoId}`: another title or description.

use super::fetch_video::{tag, viewer};
use crate::controllers::state::Uploads;
use crate::models::videos::video_document::VideoDocument;
use crate::services::error::ContentError;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use contracts::VideoId;
use runtime::conditional::{IfMatch, edits_tag};
use runtime::{Caller, Json, PathId, ProblemDocument};
use serde::Deserialize;

/// What changes; what is absent stays.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VideoChange {
    /// One line, 1 to 200 characters.
    title: Option<String>,
    /// At most 5,000 characters, may have lines.
    description: Option<String>,
}

/// Changes title and description; `If-Match` with the lecture's `ETag` guards against overwriting others' changes.
#[utoipa::path(
    patch,
    path = "/{video_id}",
    operation_id = "updateVideo",
    tag = "content",
    params(("video_id" = VideoId, Path)),
    request_body = VideoChange,
    responses(
        (status = 200, description = "The lecture as it is now.", body = VideoDocument),
        (status = 412, description = "Somebody changed it since.", body = ProblemDocument),
        (status = 422, description = "A field is wrong.", body = ProblemDocument),
    )
)]
pub(crate) async fn update_video(
    State(state): State<Uploads>,
    caller: Caller,
    PathId(id): PathId<VideoId>,
    if_match: IfMatch,
    Json(change): Json<VideoChange>,
) -> Result<Response, ContentError> {
    let viewer = viewer(&caller);
    let version = if if_match.names_versions() {
        let version = state.videos.find(id, viewer).await?.version;
        if !if_match.allows_edit(version) {
            return Err(ContentError::Stale);
        }
        Some(version)
    } else {
        None
    };
    let (title, description) = (change.title.as_deref(), change.description.as_deref());
    let video = state.videos.update(id, viewer, title, description, version).await?;
    let etag = edits_tag(video.version, video.changes);
    let mut response = Json(state.videos.show(video, viewer).await?).into_response();
    tag(&mut response, etag);
    Ok(response)
}
