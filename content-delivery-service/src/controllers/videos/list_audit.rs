//! `GET /audit`

use crate::controllers::state::Api;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use contracts::AuditId;
use http::header::CACHE_CONTROL;
use runtime::audit::AuditPage;
use runtime::page::{PageParameters, PageRequest};
use runtime::{Json, Problem, ProblemDocument};

/// Lists what admins did to other people's lectures: `update_video`, `transcode_video`, `delete_video` and
/// `stream_video`; and the streams that clients opened for users, `stream_video_for_user`.
#[utoipa::path(
    get,
    path = "/audit",
    operation_id = "listContentAudit",
    tag = "content",
    params(PageParameters),
    responses(
        (status = 200, description = "One page, latest first.", body = AuditPage),
        (status = 422, description = "A parameter is wrong.", body = ProblemDocument),
    )
)]
pub(crate) async fn list_audit(State(api): State<Api>, page: PageRequest<AuditId>) -> Result<Response, Problem> {
    let found = api.audit.list(&page).await?;
    Ok(([(CACHE_CONTROL, "private, no-cache")], Json(found)).into_response())
}
