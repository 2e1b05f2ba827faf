//! `POST /{course_id}/publish`, `/unpublish` and `/archive`

use super::documents::{self, CourseDetails};
use crate::controllers::state::Api;
use crate::services::access_service::Asker;
use axum::extract::State;
use axum::response::Response;
use contracts::{CourseId, CourseStatus};
use http::StatusCode;
use runtime::conditional::IfMatch;
use runtime::{PathId, Problem, ProblemDocument};

/// Publishes a draft or an archived course, for its editors; a published one stays as it is.
#[utoipa::path(
    post, path = "/{course_id}/publish", operation_id = "publishCourse", tag = "courses",
    params(
        ("course_id" = CourseId, Path),
        ("If-Match" = Option<String>, Header, description = "The `ETag` that the change is based on."),
    ),
    responses(
        (status = 200, description = "The course.", body = CourseDetails),
        (status = 403, description = "`editor_required`", body = ProblemDocument),
        (status = 404, description = "`course_not_found`", body = ProblemDocument),
        (status = 409, description = "`course_incomplete`: `errors` lists what is missing.", body = ProblemDocument),
        (status = 412, description = "`stale`", body = ProblemDocument),
    )
)]
pub(crate) async fn publish_course(
    State(api): State<Api>,
    asker: Asker,
    PathId(id): PathId<CourseId>,
    if_match: IfMatch,
) -> Result<Response, Problem> {
    let view = api
        .courses
        .set_status((id, &asker), &if_match, CourseStatus::Published)
        .await?;
    Ok(documents::course(StatusCode::OK, view))
}

/// Makes a course a draft again, for its editors: only those who teach it see it.
#[utoipa::path(
    post, path = "/{course_id}/unpublish", operation_id = "unpublishCourse", tag = "courses",
    params(
        ("course_id" = CourseId, Path),
        ("If-Match" = Option<String>, Header, description = "The `ETag` that the change is based on."),
    ),
    responses(
        (status = 200, description = "The course.", body = CourseDetails),
        (status = 403, description = "`editor_required`", body = ProblemDocument),
        (status = 404, description = "`course_not_found`", body = ProblemDocument),
        (status = 412, description = "`stale`", body = ProblemDocument),
    )
)]
pub(crate) async fn unpublish_course(
    State(api): State<Api>,
    asker: Asker,
    PathId(id): PathId<CourseId>,
    if_match: IfMatch,
) -> Result<Response, Problem> {
    let view = api
        .courses
        .set_status((id, &asker), &if_match, CourseStatus::Draft)
        .await?;
    Ok(documents::course(StatusCode::OK, view))
}

/// Archives a course, for its editors: its members still see it, but learners no longer watch it.
#[utoipa::path(
    post, path = "/{course_id}/archive", operation_id = "archiveCourse", tag = "courses",
    params(
        ("course_id" = CourseId, Path),
        ("If-Match" = Option<String>, Header, description = "The `ETag` that the change is based on."),
    ),
    responses(
        (status = 200, description = "The course.", body = CourseDetails),
        (status = 403, description = "`editor_required`", body = ProblemDocument),
        (status = 404, description = "`course_not_found`", body = ProblemDocument),
        (status = 412, description = "`stale`", body = ProblemDocument),
    )
)]
pub(crate) async fn archive_course(
    State(api): State<Api>,
    asker: Asker,
    PathId(id): PathId<CourseId>,
    if_match: IfMatch,
) -> Result<Response, Problem> {
    let view = api
        .courses
        .set_status((id, &asker), &if_match, CourseStatus::Archived)
        .await?;
    Ok(documents::course(StatusCode::OK, view))
}
