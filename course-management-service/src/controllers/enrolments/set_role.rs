//! `PUT /{course_id}/members/{user_id}`

use super::documents::MemberDocument;
use crate::controllers::state::Api;
use crate::services::access_service::Asker;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use contracts::{CourseId, CourseRole, UserId};
use http::header::CACHE_CONTROL;
use runtime::conditional::IfMatch;
use runtime::{Json, PathIds, Problem, ProblemDocument};
use serde::Deserialize;
use utoipa::ToSchema;

/// A member's new role.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CourseRoleChange)]
pub(crate) struct Body {
    /// `owner`, for an instructor, hands the course over: its present owner becomes an editor.
    role: CourseRole,
}

/// Gives a member of a course another role, for its owner.
#[utoipa::path(
    put, path = "/{course_id}/members/{user_id}", operation_id = "setCourseRole", tag = "courses", request_body = Body,
    params(
        ("course_id" = CourseId, Path),
        ("user_id" = UserId, Path),
        ("If-Match" = Option<String>, Header, description = "The course's `ETag` that the act is based on."),
    ),
    responses(
        (status = 200, description = "The member.", body = MemberDocument),
        (status = 403, description = "`owner_required`", body = ProblemDocument),
        (status = 404, description = "`course_not_found` or `user_not_found`", body = ProblemDocument),
        (status = 409, description = "`owner_stays`, or `too_many`: the new owner owns as many courses as one may.", body = ProblemDocument),
        (status = 412, description = "`stale`", body = ProblemDocument),
        (status = 422, description = "`invalid_request`", body = ProblemDocument),
    )
)]
pub(crate) async fn set_role(
    State(api): State<Api>,
    asker: Asker,
    PathIds((id, user)): PathIds<(CourseId, UserId)>,
    if_match: IfMatch,
    Json(body): Json<Body>,
) -> Result<Response, Problem> {
    let member = api.members.set_role((id, &asker), user, (body.role, &if_match)).await?;
    Ok(([(CACHE_CONTROL, "no-store")], Json(MemberDocument::from(member))).into_response())
}
