//! `DELETE /{course_id}`

use crate::controllers::state::Api;
use crate::services::access_service::Asker;
use axum::extract::State;
use contracts::CourseId;
use http::StatusCode;
use runtime::conditional::IfMatch;
use runtime::{PathId, Problem, ProblemDocument};

/// Deletes a draft with its outline and its enrolments, for its owner; the lectures stay.
#[utoipa::path(
    delete, path = "/{course_id}", operation_id = "deleteCourse", tag = "courses",
    params(
        ("course_id" = CourseId, Path),
        ("If-Match" = Option<String>, Header, description = "The `ETag` that the act is based on."),
    ),
    responses(
        (status = 204, description = "Deleted."),
        (status = 403, description = "`owner_required`", body = ProblemDocument),
        (status = 404, description = "`course_not_found`", body = ProblemDocument),
        (status = 412, description = "`stale`", body = ProblemDocument),
        (status = 409, description = "`not_a_draft`", body = ProblemDocument),
    )
)]
pub(crate) async fn delete_course(
    State(api): State<Api>,
    asker: Asker,
    PathId(id): PathId<CourseId>,
    if_match: IfMatch,
) -> Result<StatusCode, Problem> {
    api.courses.delete((id, &asker), &if_match).await?;
    Ok(StatusCode::NO_CONTENT)
}
