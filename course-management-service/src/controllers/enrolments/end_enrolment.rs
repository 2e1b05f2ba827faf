//! `DELETE /{course_id}/enrolments/{user_id}`

use crate::controllers::requests::MemberName;
use crate::controllers::state::Api;
use crate::services::access_service::Asker;
use crate::services::error::EnrolmentError;
use axum::extract::State;
use contracts::{CourseId, UserId};
use http::StatusCode;
use runtime::{PathId, Problem, ProblemDocument};

/// Ends a membership: everybody may leave, also a course that is not published at present; those who teach the course
/// remove learners, and its owner removes everybody else. The owner stays.
#[utoipa::path(
    delete, path = "/{course_id}/enrolments/{user_id}", operation_id = "endEnrolment", tag = "courses",
    params(
        ("course_id" = CourseId, Path),
        ("user_id" = String, Path, description = "The member's id, or `me`."),
    ),
    responses(
        (status = 204, description = "The membership has ended."),
        (status = 403, description = "`assistant_required` or `owner_required`", body = ProblemDocument),
        (status = 404, description = "`course_not_found` or `user_not_found`", body = ProblemDocument),
        (status = 409, description = "`owner_stays`", body = ProblemDocument),
        (status = 429, description = "`rate_limited`: the caller has joined and left courses too often.", body = ProblemDocument),
    )
)]
pub(crate) async fn end_enrolment(
    State(api): State<Api>,
    asker: Asker,
    PathId(id): PathId<CourseId>,
    MemberName(member): MemberName,
) -> Result<StatusCode, Problem> {
    let user: UserId = match member.as_str() {
        "me" => asker.user,
        other => other.parse().map_err(|_| EnrolmentError::NoMember)?,
    };
    api.members.end((id, &asker), user).await?;
    Ok(StatusCode::NO_CONTENT)
}
