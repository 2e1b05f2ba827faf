//! `POST /live/{video_id}/end`

use super::documents::{self, LiveDocument};
use crate::services::live_service::LiveService;
use axum::extract::State;
use axum::response::Response;
use contracts::VideoId;
use http::{HeaderMap, StatusCode};
use runtime::{Caller, PathId, Problem, ProblemDocument};

/// Ends a lecture; its recording can be watched at once at the same address. Repeating the request changes nothing.
#[utoipa::path(
    post,
    path = "/live/{video_id}/end",
    operation_id = "endLive",
    tag = "live",
    params(("video_id" = VideoId, Path)),
    responses(
        (status = 200, description = "The lecture.", body = LiveDocument),
        (status = 404, description = "There is no such live lecture of the caller.", body = ProblemDocument),
        (status = 410, description = "`video_deleted`", body = ProblemDocument),
    )
)]
pub(crate) async fn end_live(
    State(live): State<LiveService>,
    caller: Caller,
    PathId(id): PathId<VideoId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Ok(documents::live(StatusCode::OK, live.end(id, &caller).await?, &headers))
}
