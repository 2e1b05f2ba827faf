//! `GET /{course_id}/members`

use super::documents::MemberDocument;
use crate::controllers::state::Api;
use crate::services::access_service::Asker;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use contracts::{CourseId, EnrolmentId};
use http::header::CACHE_CONTROL;
use runtime::page::{PageParameters, PageRequest};
use runtime::{Json, PathId, Problem, ProblemDocument};
use serde::Serialize;
use utoipa::ToSchema;

/// A page of members, in the order in which they first joined.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CourseMemberPage)]
pub(crate) struct MemberPage {
    items: Vec<MemberDocument>,
    /// The cursor of the next page; null on the last page.
    next_cursor: Option<String>,
}

/// Lists the members of a course, for those who teach it.
#[utoipa::path(
    get, path = "/{course_id}/members", operation_id = "listMembers", tag = "courses",
    params(("course_id" = CourseId, Path), PageParameters),
    responses(
        (status = 200, description = "One page.", body = MemberPage),
        (status = 403, description = "`assistant_required`", body = ProblemDocument),
        (status = 404, description = "`course_not_found`", body = ProblemDocument),
        (status = 422, description = "`invalid_request`", body = ProblemDocument),
    )
)]
pub(crate) async fn list_members(
    State(api): State<Api>,
    asker: Asker,
    PathId(id): PathId<CourseId>,
    page: PageRequest<EnrolmentId>,
) -> Result<Response, Problem> {
    let found = api.members.list((id, &asker), &page).await?;
    let view = MemberPage {
        items: found.items.into_iter().map(MemberDocument::from).collect(),
        next_cursor: found.next_cursor,
    };
    Ok(([(CACHE_CONTROL, "no-store")], Json(view)).into_response())
}
