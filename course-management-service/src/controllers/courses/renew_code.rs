//! `POST /{course_id}/code`

use super::documents::{self, CourseDetails};
use crate::controllers::state::Api;
use crate::services::access_service::Asker;
use axum::extract::State;
use axum::response::Response;
use contracts::CourseId;
use http::StatusCode;
use runtime::conditional::IfMatch;
use runtime::{PathId, Problem, ProblemDocument};

/// Replaces the code of a course, for its editors; the old one and its invitation links no longer work.
#[utoipa::path(
    post, path = "/{course_id}/code", operation_id = "renewCourseCode", tag = "courses",
    params(
        ("course_id" = CourseId, Path),
        ("If-Match" = Option<String>, Header, description = "The `ETag` that the act is based on."),
    ),
    responses(
        (status = 200, description = "The course with its new code.", body = CourseDetails),
        (status = 403, description = "`editor_required`", body = ProblemDocument),
        (status = 404, description = "`course_not_found`", body = ProblemDocument),
        (status = 412, description = "`stale`", body = ProblemDocument),
        (status = 409, description = "`no_code`: nobody joins this course by code.", body = ProblemDocument),
    )
)]
pub(crate) async fn renew_code(
    State(api): State<Api>,
    asker: Asker,
    PathId(id): PathId<CourseId>,
    if_match: IfMatch,
) -> Result<Response, Problem> {
    let view = api.courses.renew_code((id, &asker), &if_match).await?;
    Ok(documents::course(StatusCode::OK, view))
}
