//! `POST /login`

use super::{cookie, documents};
use crate::controllers::state::Api;
use crate::services::session_service::Credentials;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
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
    /// Returns the refresh token in a cookie, for browsers; needs the page's own `Origin`. The account knows the browser
    /// from then on, by another cookie: other people's failed sign-ins don't lock it out.
    #[serde(default)]
    cookie: bool,
}

/// Signs in.
#[utoipa::path(
    post, path = "/login", operation_id = "logIn", tag = "users", request_body = Body,
    responses(
        (status = 200, description = "Tokens and the account.", body = documents::TokensDocument),
        (status = 401, description = "`invalid_credentials`", body = ProblemDocument),
        (status = 403, description = "`account_deactivated`: the password is right; `cross_site`: another site asks for a cookie", body = ProblemDocument),
        (status = 422, description = "`invalid_request`", body = ProblemDocument),
        (status = 429, description = "`rate_limited`", body = ProblemDocument),
        (status = 503, description = "`busy`, `unavailable`", body = ProblemDocument),
    )
)]
pub(crate) async fn log_in(
    State(api): State<Api>,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    Json(body): Json<Body>,
) -> Result<Response, Problem> {
    // Another site must not sign a browser in to an account of its own.
    if body.cookie && !cookie::is_ours(&api.public_address, &headers) {
        return Err(Problem::new(StatusCode::FORBIDDEN, "cross_site", cookie::NOT_OURS));
    }
    let credentials = Credentials {
        email: body.email,
        password: body.password,
        reactivate: body.reactivate,
        device: cookie::read_device(&api.public_address, &headers),
        remember: body.cookie,
    };
    let signed_in = api.sessions.sign_in(credentials, address).await?;
    Ok(documents::tokens(signed_in, body.cookie, &api.public_address))
}
