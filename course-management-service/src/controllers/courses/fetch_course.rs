//! `GET /{course_id}`

use super::documents::{self, CourseDetails};
use crate::controllers::requests::Visitor;
use crate::controllers::state::Api;
use axum::extract::State;
use axum::response::Response;
use contracts::CourseId;
use http::StatusCode;
use runtime::{PathId, Problem, ProblemDocument};

/// Shows a course with its outline: a public one to everybody, a published one to everybody who is signed in, unless it is
/// closed, an archived one to its members, and a draft to those who teach it. A client with the scope `courses:read` sees every
/// course as admins do, but for the code to join with.
#[utoipa::path(
    get, path = "/{course_id}", operation_id = "fetchCourse", tag = "courses",
    params(("course_id" = CourseId, Path)),
    responses(
        (status = 200, description = "The course, with an `ETag`.", body = CourseDetails),
        (status = 401, description = "`unauthenticated`: this is not public, or there is no such course.", body = ProblemDocument),
        (status = 403, description = "`scope_required`: a client without the scope", body = ProblemDocument),
        (status = 404, description = "`course_not_found`", body = ProblemDocument),
    )
)]
pub(crate) async fn fetch_course(
    State(api): State<Api>,
    Visitor { asker, is_client }: Visitor,
    id: Result<PathId<CourseId>, Problem>,
) -> Result<Response, Problem> {
    // Without a sign-in, a malformed id is no more telling than an unknown one.
    let id = match (id, &asker) {
        (Ok(PathId(id)), _) => id,
        (Err(problem), Some(_)) => return Err(problem),
        (Err(_), None) => return Err(crate::services::error::Denied::Unauthenticated.into()),
    };
    let mut view = api.courses.view(id, asker.as_ref()).await?;
    if is_client {
        // Who reads need not join.
        view.course.course.code = None;
    }
    Ok(documents::course(StatusCode::OK, view))
}
