//! `POST /{video_id}/watch`

use crate::controllers::state::Api;
use crate::controllers::visitor::Link;
use axum::extract::State;
use contracts::VideoId;
use entitlements::models::rights::Asker;
use http::StatusCode;
use runtime::{Caller, Json, PathId, Problem, ProblemDocument, Query};
use serde::Deserialize;

/// What a player has shown since its last report.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WatchReport {
    /// Where the player is, in seconds.
    #[schema(minimum = 0)]
    position: f64,
    /// Pairs of seconds: from when to when it has played; in any order, at most 100.
    #[schema(max_items = 100)]
    intervals: Vec<Vec<f64>>,
}

/// Records how far the caller has watched a lecture; a repeated report changes nothing.
///
/// Intervals of all reports are joined, so that several players lose nothing; the last position counts.
#[utoipa::path(
    post,
    path = "/{video_id}/watch",
    operation_id = "recordWatch",
    tag = "content",
    params(("video_id" = VideoId, Path), Link),
    request_body = WatchReport,
    responses(
        (status = 204, description = "Recorded."),
        (status = 404, description = "There is no such lecture that the caller may watch.", body = ProblemDocument),
        (status = 410, description = "The lecture was deleted.", body = ProblemDocument),
        (status = 422, description = "A time is negative, or an interval ends before it begins.", body = ProblemDocument),
    )
)]
pub(crate) async fn record_watch(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<VideoId>,
    Query(link): Query<Link>,
    Json(report): Json<WatchReport>,
) -> Result<StatusCode, Problem> {
    let asker = Asker::from(&caller);
    let lecture = (id, link.s.as_deref());
    api.watches
        .record(lecture, asker, report.position, &report.intervals)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
