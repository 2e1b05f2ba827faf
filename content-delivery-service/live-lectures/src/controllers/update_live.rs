//! `PATCH /live/{video_id}`

use super::documents::{self, LiveDocument, present};
use crate::services::error::LiveError;
use crate::services::live_service::LiveService;
use axum::extract::State;
use axum::response::Response;
use broadcasts::models::broadcast::BroadcastEdit;
use contracts::{Timestamp, VideoId, text};
use http::{HeaderMap, StatusCode};
use runtime::conditional::IfMatch;
use runtime::{Caller, Json, PathId, Problem, ProblemDocument};
use serde::Deserialize;

/// The fields to change; an absent field stays.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LiveLectureChange)]
pub(crate) struct Change {
    /// One line, 1 to 200 characters.
    #[serde(default)]
    title: Option<String>,
    /// At most 5,000 characters; may have several lines.
    #[serde(default)]
    description: Option<String>,
    /// When it is to begin; null takes the announcement back.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Timestamp>)]
    starts_at: Option<Option<Timestamp>>,
}

/// Changes title, description and the announced time; `If-Match` with the lecture's `ETag` guards against overwriting others'
/// changes.
#[utoipa::path(
    patch,
    path = "/live/{video_id}",
    operation_id = "updateLive",
    tag = "live",
    params(("video_id" = VideoId, Path)),
    request_body = Change,
    responses(
        (status = 200, description = "The changed lecture.", body = LiveDocument),
        (status = 404, description = "There is no such live lecture of the caller.", body = ProblemDocument),
        (status = 409, description = "`live_begun`: it has begun, so `starts_at` can't change any more.", body = ProblemDocument),
        (status = 412, description = "The lecture has changed since it was read.", body = ProblemDocument),
        (status = 422, description = "A field is wrong.", body = ProblemDocument),
    )
)]
pub(crate) async fn update_live(
    State(live): State<LiveService>,
    caller: Caller,
    PathId(id): PathId<VideoId>,
    if_match: IfMatch,
    headers: HeaderMap,
    Json(change): Json<Change>,
) -> Result<Response, Problem> {
    let version = if if_match.names_versions() {
        let version = live.find(id, &caller).await?.version;
        if !if_match.allows_edit(version) {
            return Err(LiveError::Stale.into());
        }
        Some(version)
    } else {
        None
    };
    let checked = |field, text: Option<Result<String, &'static str>>| {
        text.transpose().map_err(|what| Problem::invalid().field(field, what))
    };
    let edit = BroadcastEdit {
        title: checked("title", change.title.as_deref().map(text::title))?,
        description: checked("description", change.description.as_deref().map(text::description))?,
        starts_at: change.starts_at,
    };
    let view = live.edit((id, &caller), &edit, version).await?;
    Ok(documents::live(StatusCode::OK, view, &headers))
}
