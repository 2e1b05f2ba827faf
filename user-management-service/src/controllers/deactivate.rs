//! `DELETE /deactivate`

use crate::App;
use axum::extract::State;
use http::StatusCode;
use runtime::{Caller, Problem, ProblemDocument};

/// Puts the caller's account to sleep; a login with `reactivate` wakes it.
#[utoipa::path(
    delete, path = "/deactivate", operation_id = "deactivate", tag = "users",
    responses(
        (status = 204, description = "Deactivated; every sign-in has ended."),
        (status = 401, description = "`unauthenticated` or `reauthentication_required`", body = ProblemDocument),
        (status = 409, description = "`last_admin`", body = ProblemDocument),
    )
)]
pub(crate) async fn deactivate(State(app): State<App>, caller: Caller) -> Result<StatusCode, Problem> {
    app.accounts.deactivate(&caller).await?;
    Ok(StatusCode::NO_CONTENT)
}
