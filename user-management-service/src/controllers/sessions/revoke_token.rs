//! `POST /revoke`: OAuth 2.0's endpoint for tokens that their holder needs no longer.
//!
//! Source: RFC 7009

use super::client::authenticated;
use super::documents::{TokenError, forbid_caching};
use super::fields::Fields;
use crate::controllers::state::Api;
use crate::services::act_service::Leaving;
use crate::services::tokens::refresh_token::RefreshToken;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use utoipa::ToSchema;

/// The request to end a token.
#[derive(ToSchema)]
#[schema(as = RevocationRequest)]
#[expect(dead_code, reason = "it describes the fields, which are read one by one")]
pub(crate) struct Form {
    /// The refresh token or the access token.
    token: String,
    /// `access_token` or `refresh_token`; the token itself shows which it is.
    token_type_hint: Option<String>,
    /// The id of the client whose token it is, unless `Authorization: Basic` has it.
    client_id: Option<String>,
    /// The client's secret, unless `Authorization: Basic` has it.
    client_secret: Option<String>,
}

/// Ends a token. A person's token ends the sign-in that it belongs to; a client's access token takes the client's own
/// credentials. A token that is unknown, or ended before, is no error.
#[utoipa::path(
    post, path = "/revoke", operation_id = "revokeToken", tag = "users",
    request_body(content = Form, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "The token is good for nothing."),
        (status = 400, description = "`invalid_request`, `unauthorized_client`", body = TokenError),
        (status = 401, description = "`invalid_client`", body = TokenError),
        (status = 503, description = "`temporarily_unavailable`", body = TokenError),
        (status = 507, description = "`storage_full`", body = TokenError),
    )
)]
pub(crate) async fn revoke_token(State(api): State<Api>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    match revoke(&api, &parts.headers, body).await {
        Ok(()) => {
            let mut response = StatusCode::OK.into_response();
            forbid_caching(&mut response);
            response
        }
        Err(refusal) => refusal.into_response(),
    }
}

async fn revoke(api: &Api, headers: &HeaderMap, body: Body) -> Result<(), TokenError> {
    let fields = Fields::read(headers, body).await?;
    let client = authenticated(api, headers, &fields).await?;
    let token = fields
        .get("token")
        .ok_or_else(|| TokenError::new("invalid_request", "token is needed"))?;
    if let Some(token) = RefreshToken::parse(token) {
        return Ok(api.sessions.leave_by_token(&token, Leaving::Here).await?);
    }
    let Some(owner) = api.clients.owner_of(token) else {
        return Ok(api.sessions.leave_by_bearer(token, Leaving::Here).await?);
    };
    match client {
        Some(client) if client.id == owner => Ok(api.clients.revoke(token).await?),
        Some(_) => Err(TokenError::new("unauthorized_client", "the token is another client's")),
        None => Err(TokenError::invalid_client("the client's credentials are needed")),
    }
}
