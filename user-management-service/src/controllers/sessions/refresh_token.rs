//! `POST /token`: OAuth 2.0's token endpoint.
//!
//! Source: RFC 6749 §4.4, §5, §6

use super::client::authenticated;
use super::cookie;
use super::documents::{self, TokenError, TokenReply};
use super::fields::Fields;
use crate::controllers::state::Api;
use crate::services::error::SessionError;
use crate::services::tokens::refresh_token::RefreshToken;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use http::header::SET_COOKIE;
use utoipa::ToSchema;

/// The token request.
#[derive(ToSchema)]
#[schema(as = TokenRequest)]
#[expect(dead_code, reason = "it describes the fields, which are read one by one")]
pub(crate) struct Form {
    /// `refresh_token` or `client_credentials`; optional where the cookie carries the token.
    grant_type: Option<String>,
    /// The refresh token; optional where the cookie carries it.
    refresh_token: Option<String>,
    /// Returns the next refresh token in a cookie, for browsers.
    cookie: Option<bool>,
    /// A client's id, unless `Authorization: Basic` has it.
    client_id: Option<String>,
    /// The client's secret, unless `Authorization: Basic` has it.
    client_secret: Option<String>,
    /// What the client's token shall admit to, of what the client may do; otherwise all of that.
    scope: Option<String>,
}

/// Exchanges a refresh token for an access token and the next refresh token, or a client's credentials for an access token.
#[utoipa::path(
    post, path = "/token", operation_id = "refreshToken", tag = "users",
    request_body(content = Form, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "Tokens and the account, or a client's token.", body = TokenReply),
        (status = 400, description = "`invalid_request`, `invalid_grant`, `invalid_scope`, `unsupported_grant_type`", body = TokenError),
        (status = 401, description = "`invalid_client`", body = TokenError),
        (status = 403, description = "`invalid_request`: another site sent the cookie", body = TokenError),
        (status = 429, description = "`rate_limited`", body = TokenError),
        (status = 503, description = "`temporarily_unavailable`", body = TokenError),
        (status = 507, description = "`storage_full`", body = TokenError),
    )
)]
pub(crate) async fn refresh_token(State(api): State<Api>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let from_cookie = cookie::is_there(&api.public_address, &parts.headers);
    match give(&api, &parts.headers, body).await {
        Ok(response) => response,
        Err(refusal) => {
            let spent = from_cookie && refusal.is_invalid_grant();
            let mut response = refusal.into_response();
            if let Some(clear) = spent.then(|| cookie::clear(&api.public_address)).flatten() {
                response.headers_mut().append(SET_COOKIE, clear);
            }
            response
        }
    }
}

async fn give(api: &Api, headers: &HeaderMap, body: Body) -> Result<Response, TokenError> {
    let fields = Fields::read(headers, body).await?;
    let shown = fields.get("refresh_token");
    let kept = cookie::is_there(&api.public_address, headers);
    match fields.get("grant_type") {
        Some("client_credentials") => {
            let client = authenticated(api, headers, &fields).await?;
            let client = client.ok_or_else(|| TokenError::invalid_client("the client's credentials are needed"))?;
            Ok(documents::client_token(
                api.clients.token(&client, fields.get("scope"))?,
            ))
        }
        Some("refresh_token") => exchange(api, headers, &fields).await,
        None if shown.is_some() || kept => exchange(api, headers, &fields).await,
        None => Err(TokenError::new("invalid_request", "grant_type is needed")),
        Some(_) => Err(TokenError::new(
            "unsupported_grant_type",
            "only refresh_token and client_credentials are supported",
        )),
    }
}

async fn exchange(api: &Api, headers: &HeaderMap, fields: &Fields) -> Result<Response, TokenError> {
    // A client that shows a secret must show its own, although anybody may use the refresh token that they have.
    authenticated(api, headers, fields).await?;
    let kept = cookie::is_there(&api.public_address, headers);
    let (shown, in_cookie) = (fields.get("refresh_token"), fields.flag("cookie")?);
    let from_cookie = shown.is_none() && kept;
    // Another site's form must neither use the cookie nor replace it with a sign-in of its own.
    if (in_cookie || from_cookie) && !cookie::is_ours(&api.public_address, headers) {
        return Err(TokenError::cross_site());
    }
    let token = match shown {
        Some(text) => RefreshToken::parse(text),
        None if !kept => return Err(TokenError::new("invalid_request", "refresh_token is needed")),
        None => cookie::read(&api.public_address, headers),
    };
    let token = token.ok_or(SessionError::InvalidGrant)?;
    let signed_in = api.sessions.refresh(token).await?;
    Ok(documents::tokens(
        signed_in,
        in_cookie || from_cookie,
        &api.public_address,
    ))
}
