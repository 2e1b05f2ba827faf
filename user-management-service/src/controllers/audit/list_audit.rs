//! `GET /audit`

use crate::controllers::state::Api;
use axum::extract::State;
use contracts::AuditId;
use runtime::audit::AuditPage;
use runtime::page::{PageParameters, PageRequest};
use runtime::{Json, Problem, ProblemDocument};

/// Lists what admins and commands did to accounts, the latest first; only for admins.
#[utoipa::path(
    get, path = "/audit", operation_id = "listUserAudit", tag = "users", params(PageParameters),
    responses(
        (status = 200, description = "A page of the audit.", body = AuditPage),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 403, description = "`admin_required`", body = ProblemDocument),
        (status = 422, description = "`invalid_request`", body = ProblemDocument),
    )
)]
pub(crate) async fn list_audit(State(api): State<Api>, page: PageRequest<AuditId>) -> Result<Json<AuditPage>, Problem> {
    Ok(Json(api.accounts.audit(&page).await?))
}
