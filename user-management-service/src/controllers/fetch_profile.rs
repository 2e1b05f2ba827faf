//! `GET /profile`

use super::views;
use crate::App;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use runtime::{Caller, Problem, ProblemDocument};

/// The caller's own account.
#[utoipa::path(
    get, path = "/profile", operation_id = "fetchProfile", tag = "users",
    responses(
        (status = 200, description = "The account, with an `ETag`.", body = views::UserView),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
    )
)]
pub(crate) async fn fetch_profile(State(app): State<App>, caller: Caller) -> Result<Response, Problem> {
    Ok(views::user(StatusCode::OK, app.accounts.profile(&caller).await?))
}
