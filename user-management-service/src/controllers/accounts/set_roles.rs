//! `PUT /{id}/roles`

use super::documents;
use crate::controllers::state::Api;
use crate::services::error::AccountError;
use axum::extract::State;
use axum::response::Response;
use contracts::{Roles, UserId};
use http::StatusCode;
use runtime::{Caller, Json, PathId, Problem, ProblemDocument};
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

/// Replaces an account's roles; only for admins. Access tokens with the old roles are refused.
#[utoipa::path(
    put, path = "/{id}/roles", operation_id = "setRoles", tag = "users", request_body = Body,
    params(("id" = UserId, Path, description = "The account.")),
    responses(
        (status = 200, description = "The changed account.", body = documents::UserDocument),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 403, description = "`admin_required`", body = ProblemDocument),
        (status = 404, description = "`user_not_found`", body = ProblemDocument),
        (status = 409, description = "`last_admin`", body = ProblemDocument),
        (status = 422, description = "`invalid_request`", body = ProblemDocument),
    )
)]
pub(crate) async fn set_roles(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<UserId>,
    Json(body): Json<Body>,
) -> Result<Response, Problem> {
    if body.roles.is_empty() {
        return Err(AccountError::Invalid(vec![("roles", "must name at least one role")]).into());
    }
    Ok(documents::user(
        StatusCode::OK,
        api.accounts.set_roles(&caller, id, &body.roles).await?,
    ))
}
