//! `GET /{course_id}/progress`

use super::documents::ProgressDocument;
use crate::controllers::state::Api;
use crate::services::access_service::Asker;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use contracts::CourseId;
use http::header::CACHE_CONTROL;
use runtime::{Json, PathId, Problem, ProblemDocument};

/// Shows how far the caller is with a course: each item in its order.
#[utoipa::path(
    get, path = "/{course_id}/progress", operation_id = "showCourseProgress", tag = "courses",
    params(("course_id" = CourseId, Path)),
    responses(
        (status = 200, description = "The progress.", body = ProgressDocument),
        (status = 404, description = "`course_not_found`", body = ProblemDocument),
    )
)]
pub(crate) async fn show_progress(
    State(api): State<Api>,
    asker: Asker,
    PathId(id): PathId<CourseId>,
) -> Result<Response, Problem> {
    let progress = api.progress.of_asker((id, &asker)).await?;
    Ok(([(CACHE_CONTROL, "no-store")], Json(ProgressDocument::from(progress))).into_response())
}
