//! `POST /password/change`

use crate::controllers::state::Api;
use axum::extract::State;
use http::StatusCode;
use runtime::{Caller, ClientAddress, Json, Problem, ProblemDocument};
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;

/// The current password and the new one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PasswordChange)]
pub(crate) struct Body {
    /// The current password.
    #[schema(value_type = String, format = Password)]
    current_password: SecretString,
    /// At least 12 characters, at most 1,024 bytes in UTF-8.
    #[schema(value_type = String, format = Password)]
    new_password: SecretString,
}

/// Sets a new password. All access tokens and all other sign-ins end; this sign-in continues with its refresh token.
#[utoipa::path(
    post, path = "/password/change", operation_id = "changePassword", tag = "users", request_body = Body,
    responses(
        (status = 204, description = "Changed."),
        (status = 401, description = "`unauthenticated`, `invalid_credentials` or `reauthentication_required`", body = ProblemDocument),
        (status = 409, description = "`no_password`: the person signs in with a provider", body = ProblemDocument),
        (status = 422, description = "`invalid_request`", body = ProblemDocument),
        (status = 429, description = "`rate_limited`", body = ProblemDocument),
        (status = 503, description = "`busy`; `unavailable`: the access tokens are refused already, but the change is not stored yet", body = ProblemDocument),
    )
)]
pub(crate) async fn change_password(
    State(api): State<Api>,
    caller: Caller,
    ClientAddress(address): ClientAddress,
    Json(body): Json<Body>,
) -> Result<StatusCode, Problem> {
    api.accounts
        .change_password(&caller, body.current_password, body.new_password, address)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
