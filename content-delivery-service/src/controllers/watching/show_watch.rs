//! `GET /{video_id}/watch`

use crate::controllers::state::Api;
use crate::controllers::visitor::Link;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use contracts::VideoId;
use entitlements::models::rights::Asker;
use http::header::CACHE_CONTROL;
use runtime::{Caller, Json, PathId, Problem, ProblemDocument, Query};
use serde::Serialize;
use std::time::Duration;
use watching::models::progress::Progress;

/// How far the caller has watched a lecture.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = WatchProgress)]
pub(crate) struct WatchDocument {
    /// Where they stopped last, in seconds.
    position: f64,
    /// How much they have seen, in seconds; what they saw twice counts once.
    seconds: f64,
    /// Whether they have seen so much of it that it counts as completed.
    completed: bool,
}

impl From<Progress> for WatchDocument {
    fn from(progress: Progress) -> Self {
        let seconds = |us: i64| Duration::from_micros(us.unsigned_abs()).as_secs_f64();
        Self {
            position: seconds(progress.position_us),
            seconds: seconds(progress.seen_us),
            completed: progress.is_completed,
        }
    }
}

/// Shows how far the caller has watched a lecture; zeros if never.
#[utoipa::path(
    get,
    path = "/{video_id}/watch",
    operation_id = "showWatch",
    tag = "content",
    params(("video_id" = VideoId, Path), Link),
    responses(
        (status = 200, description = "The progress.", body = WatchDocument),
        (status = 404, description = "There is no such lecture that the caller may watch.", body = ProblemDocument),
        (status = 410, description = "The lecture was deleted.", body = ProblemDocument),
    )
)]
pub(crate) async fn show_watch(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<VideoId>,
    Query(link): Query<Link>,
) -> Result<Response, Problem> {
    let lecture = (id, link.s.as_deref());
    let progress = api.watches.progress(lecture, Asker::from(&caller)).await?;
    Ok(([(CACHE_CONTROL, "no-store")], Json(WatchDocument::from(progress))).into_response())
}
