//! `GET /profile`

use super::documents;
use crate::controllers::state::Api;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use runtime::{Caller, Problem, ProblemDocument};

/// Returns the caller's own account.
#[utoipa::path(
    get, path = "/profile", operation_id = "fetchProfile", tag = "users",
    responses(
        (status = 200, description = "The account, with an `ETag`.", body = documents::UserDocument),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
    )
)]
pub(crate) async fn fetch_profile(State(api): State<Api>, caller: Caller) -> Result<Response, Problem> {
    Ok(documents::user(StatusCode::OK, api.accounts.profile(&caller).await?))
}
