//! `POST /signup`

use super::documents;
use crate::controllers::state::Api;
use crate::services::account_service::Applicant;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use runtime::{ClientAddress, Json, Problem, ProblemDocument};
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;

/// The account to create.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Signup)]
pub(crate) struct Body {
    /// The address to sign in with.
    email: String,
    /// At least 12 characters, at most 1,024 bytes in UTF-8.
    #[schema(value_type = String, format = Password)]
    password: SecretString,
    /// The name that other people see.
    name: String,
}

/// Creates an account.
#[utoipa::path(
    post, path = "/signup", operation_id = "signUp", tag = "users", request_body = Body,
    params(("Idempotency-Key" = Option<String>, Header, description = "For 30 days, a repeated request with the same key gets the same account.")),
    responses(
        (status = 201, description = "The account.", body = documents::UserDocument),
        (status = 409, description = "`email_taken`", body = ProblemDocument),
        (status = 422, description = "`invalid_request`", body = ProblemDocument),
        (status = 429, description = "`rate_limited`", body = ProblemDocument),
        (status = 503, description = "`busy`", body = ProblemDocument),
    )
)]
pub(crate) async fn sign_up(
    State(api): State<Api>,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    Json(body): Json<Body>,
) -> Result<Response, Problem> {
    let applicant = Applicant {
        email: body.email,
        name: body.name,
        password: body.password,
    };
    // A key that is no ASCII text is malformed, too.
    let key = headers
        .get("idempotency-key")
        .map(|key| String::from_utf8_lossy(key.as_bytes()));
    let user = api.accounts.sign_up(applicant, key.as_deref(), address).await?;
    Ok(documents::user(StatusCode::CREATED, user))
}
