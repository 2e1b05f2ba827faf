//! `PUT /{id}/roles`

use super::documents;
use crate::controllers::state::Api;
use crate::models::accounts::actor::Actor;
use crate::services::error::AccountError;
use axum::extract::State;
use axum::response::Response;
use contracts::{Roles, UserId};
use http::StatusCode;
use runtime::{Caller, Json, PathId, Problem, ProblemDocument, RequestId};
use serde::Deserialize;
use utoipa::ToSchema;

/// The roles that replace the account's present ones.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RolesChange)]
pub(crate) struct Body {
    /// At least one of `learner`, `instructor`, `admin`.
    roles: Roles,
}

/// Replaces an account's roles; only for admins whose sign-in is of the last 10 minutes. Access tokens with the old roles
/// are refused, and the audit records the change.
#[utoipa::path(
    put, path = "/{id}/roles", operation_id = "setRoles", tag = "users", request_body = Body,
    params(("id" = UserId, Path, description = "The account.")),
    responses(
        (status = 200, description = "The changed account.", body = documents::UserDocument),
        (status = 401, description = "`unauthenticated` or `reauthentication_required`", body = ProblemDocument),
        (status = 403, description = "`admin_required`", body = ProblemDocument),
        (status = 404, description = "`user_not_found`", body = ProblemDocument),
        (status = 409, description = "`last_admin`", body = ProblemDocument),
        (status = 422, description = "`invalid_request`", body = ProblemDocument),
        (status = 503, description = "`unavailable`: in force, but not stored yet", body = ProblemDocument),
    )
)]
pub(crate) async fn set_roles(
    State(api): State<Api>,
    caller: Caller,
    request_id: RequestId,
    PathId(id): PathId<UserId>,
    Json(body): Json<Body>,
) -> Result<Response, Problem> {
    if body.roles.is_empty() {
        return Err(AccountError::Invalid(vec![("roles", "must name at least one role")]).into());
    }
    let actor = Actor::of_request(caller.user_id, request_id.as_str());
    let user = api.accounts.set_roles(&caller, actor, id, &body.roles).await?;
    Ok(documents::user(StatusCode::OK, user))
}
