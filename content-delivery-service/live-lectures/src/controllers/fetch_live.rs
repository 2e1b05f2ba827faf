//! `GET /live/{video_id}`

use super::documents::{self, LiveDocument};
use crate::services::live_service::LiveService;
use axum::extract::State;
use axum::response::Response;
use contracts::VideoId;
use http::{HeaderMap, StatusCode};
use runtime::{Caller, PathId, Problem, ProblemDocument};

/// A live lecture; only those who may publish it see its `ingest`.
#[utoipa::path(
    get,
    path = "/live/{video_id}",
    operation_id = "fetchLive",
    tag = "live",
    params(("video_id" = VideoId, Path)),
    responses(
        (status = 200, description = "The lecture, with an `ETag`.", body = LiveDocument),
        (status = 403, description = "`not_entitled`: it is listed, but not open to the caller now.", body = ProblemDocument),
        (status = 404, description = "There is no such live lecture that the caller may see.", body = ProblemDocument),
        (status = 410, description = "`video_deleted`", body = ProblemDocument),
    )
)]
pub(crate) async fn fetch_live(
    State(live): State<LiveService>,
    caller: Caller,
    PathId(id): PathId<VideoId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Ok(documents::live(StatusCode::OK, live.seen(id, &caller).await?, &headers))
}
