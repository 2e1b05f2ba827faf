//! `DELETE /deactivate`

use crate::controllers::state::Api;
use axum::extract::State;
use http::StatusCode;
use runtime::{Caller, Problem, ProblemDocument};

/// Deactivates the caller's account; a login with `reactivate` restores it.
#[utoipa::path(
    delete, path = "/deactivate", operation_id = "deactivate", tag = "users",
    responses(
        (status = 204, description = "Deactivated; every sign-in has ended."),
        (status = 401, description = "`unauthenticated` or `reauthentication_required`", body = ProblemDocument),
        (status = 409, description = "`last_admin`", body = ProblemDocument),
        (status = 503, description = "`unavailable`: the sign-ins have ended, but that is not stored yet", body = ProblemDocument),
    )
)]
pub(crate) async fn deactivate(State(api): State<Api>, caller: Caller) -> Result<StatusCode, Problem> {
    api.accounts.deactivate(&caller).await?;
    Ok(StatusCode::NO_CONTENT)
}
