//! `POST /live/{video_id}/key`

use super::documents::{self, LiveDocument};
use crate::services::live_service::LiveService;
use axum::extract::State;
use axum::response::Response;
use contracts::VideoId;
use http::{HeaderMap, StatusCode};
use runtime::{Caller, PathId, Problem, ProblemDocument};

/// Replaces the stream key; whoever publishes with the old one is out at once.
#[utoipa::path(
    post,
    path = "/live/{video_id}/key",
    operation_id = "rotateLiveKey",
    tag = "live",
    params(("video_id" = VideoId, Path)),
    responses(
        (status = 200, description = "The lecture with its new `ingest`.", body = LiveDocument),
        (status = 404, description = "There is no such live lecture of the caller.", body = ProblemDocument),
        (status = 409, description = "`live_ended`: it is over.", body = ProblemDocument),
        (status = 410, description = "`video_deleted`", body = ProblemDocument),
    )
)]
pub(crate) async fn rotate_key(
    State(live): State<LiveService>,
    caller: Caller,
    PathId(id): PathId<VideoId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Ok(documents::live(
        StatusCode::OK,
        live.rotate_key(id, &caller).await?,
        &headers,
    ))
}
