//! `GET /audit`

use crate::controllers::state::Api;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use contracts::AuditId;
use http::header::CACHE_CONTROL;
use runtime::audit::AuditPage;
use runtime::page::{PageParameters, PageRequest};
use runtime::{Json, Problem, ProblemDocument};

/// Lists whom teachers enrolled, what admins did in other people's courses, and which lectures their owners took out of
/// courses that they don't edit.
///
/// The acts are `enrol_users`, `remove_member`, `set_course_role`, `update_course`, `update_outline`, `take_lecture_out`,
/// `set_course_status`, `renew_code` and `delete_course`.
#[utoipa::path(
    get, path = "/audit", operation_id = "listCourseAudit", tag = "courses", params(PageParameters),
    responses(
        (status = 200, description = "One page, latest first.", body = AuditPage),
        (status = 422, description = "`invalid_request`", body = ProblemDocument),
    )
)]
pub(crate) async fn list_audit(State(api): State<Api>, page: PageRequest<AuditId>) -> Result<Response, Problem> {
    let found = api.courses.audit(&page).await?;
    Ok(([(CACHE_CONTROL, "no-store")], Json(found)).into_response())
}
