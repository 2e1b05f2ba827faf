//! `POST /login`

use super::documents;
use crate::controllers::state::Api;
use crate::services::session_service::Credentials;
use axum::extract::State;
use axum::response::Response;
use runtime::{ClientAddress, Json, Problem, ProblemDocument};
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;

/// The credentials.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Login)]
pub(crate) struct Body {
    /// The account's e-mail address.
    email: String,
    /// The account's password.
    #[schema(value_type = String, format = Password)]
    password: SecretString,
    /// Restores a deactivated account.
    #[serde(default)]
    reactivate: bool,
    /// Returns the refresh token in a cookie, for browsers.
    #[serde(default)]
    cookie: bool,
}

/// Signs in.
#[utoipa::path(
    post, path = "/login", operation_id = "logIn", tag = "users", request_body = Body,
    responses(
        (status = 200, description = "Tokens and the account.", body = documents::TokensDocument),
        (status = 401, description = "`invalid_credentials`", body = ProblemDocument),
        (status = 403, description = "`account_deactivated`: the password is right", body = ProblemDocument),
        (status = 422, description = "`invalid_request`", body = ProblemDocument),
        (status = 429, description = "`rate_limited`", body = ProblemDocument),
        (status = 503, description = "`busy`", body = ProblemDocument),
    )
)]
pub(crate) async fn log_in(
    State(api): State<Api>,
    ClientAddress(address): ClientAddress,
    Json(body): Json<Body>,
) -> Result<Response, Problem> {
    let credentials = Credentials {
        email: body.email,
        password: body.password,
        reactivate: body.reactivate,
    };
    let signed_in = api.sessions.sign_in(credentials, address).await?;
    Ok(documents::tokens(signed_in, body.cookie, &api.public_address))
}
