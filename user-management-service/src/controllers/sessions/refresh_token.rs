//! `POST /token`: OAuth 2.0's token endpoint.
//!
//! Source: RFC 6749 §5, §6; unknown parameters are ignored as §3.2 demands

use super::cookie;
use super::documents::{self, TokenError, TokensDocument};
use crate::controllers::state::Api;
use crate::services::error::SessionError;
use crate::services::refresh_token::RefreshToken;
use crate::services::session_service::SignedIn;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use http::header::SET_COOKIE;
use runtime::{accept, object_from_slice};
use serde::Deserialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

const MAX_BODY: usize = 64 * 1_024;

/// The token request.
#[derive(Default, Deserialize, ToSchema)]
#[schema(as = TokenRequest)]
pub(crate) struct Form {
    /// `refresh_token`; optional where the cookie carries the token.
    grant_type: Option<String>,
    /// The refresh token; optional where the cookie carries it.
    refresh_token: Option<String>,
    /// Returns the next refresh token in a cookie, for browsers.
    #[serde(default)]
    cookie: bool,
}

/// Exchanges a refresh token for an access token and the next refresh token.
#[utoipa::path(
    post, path = "/token", operation_id = "refreshToken", tag = "users",
    request_body(content = Form, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "Tokens and the account.", body = TokensDocument),
        (status = 400, description = "`invalid_request`, `invalid_grant`, `unsupported_grant_type`", body = TokenError),
        (status = 403, description = "`invalid_request`: another site sent the cookie", body = TokenError),
        (status = 429, description = "`rate_limited`", body = TokenError),
        (status = 503, description = "`temporarily_unavailable`", body = TokenError),
        (status = 507, description = "`storage_full`", body = TokenError),
    )
)]
pub(crate) async fn refresh_token(State(api): State<Api>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let from_cookie = cookie::is_there(&api.public_address, &parts.headers);
    let form = match to_bytes(body, MAX_BODY).await {
        Ok(bytes) => read(&parts.headers, &bytes),
        Err(_) => Err(TokenError::new("invalid_request", "the body is too long or incomplete")),
    };
    let in_cookie = |form: &Form| form.cookie || (form.refresh_token.is_none() && from_cookie);
    let result = match form {
        Ok(form) => exchange(&api, &parts.headers, &form)
            .await
            .map(|signed_in| (signed_in, in_cookie(&form))),
        Err(refusal) => Err(refusal),
    };
    match result {
        Ok((signed_in, in_cookie)) => documents::tokens(signed_in, in_cookie, &api.public_address),
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

async fn exchange(api: &Api, headers: &HeaderMap, form: &Form) -> Result<SignedIn, TokenError> {
    let kept = cookie::is_there(&api.public_address, headers);
    match form.grant_type.as_deref() {
        Some("refresh_token") => {}
        None if form.refresh_token.is_some() || kept => {}
        None => return Err(TokenError::new("invalid_request", "grant_type is needed")),
        Some(_) => {
            return Err(TokenError::new(
                "unsupported_grant_type",
                "only refresh_token is supported",
            ));
        }
    }
    // Another site's form must neither use the cookie nor replace it with a sign-in of its own.
    if (form.cookie || (form.refresh_token.is_none() && kept)) && !cookie::is_ours(&api.public_address, headers) {
        return Err(TokenError::cross_site());
    }
    let token = match &form.refresh_token {
        Some(text) => RefreshToken::parse(text),
        None if !kept => return Err(TokenError::new("invalid_request", "refresh_token is needed")),
        None => cookie::read(&api.public_address, headers),
    };
    let token = token.ok_or(SessionError::InvalidGrant)?;
    Ok(api.sessions.refresh(token).await?)
}

/// Reads a form, or the same fields as JSON.
fn read(headers: &HeaderMap, body: &[u8]) -> Result<Form, TokenError> {
    match accept::content_type(headers).as_str() {
        _ if body.is_empty() => Ok(Form::default()),
        "application/x-www-form-urlencoded" => read_pairs(body),
        "application/json" => {
            object_from_slice(body).map_err(|_| TokenError::new("invalid_request", "the body is not valid JSON"))
        }
        _ => Err(TokenError::new(
            "invalid_request",
            "the body must be application/x-www-form-urlencoded",
        )),
    }
}

fn read_pairs(body: &[u8]) -> Result<Form, TokenError> {
    let mut fields = BTreeMap::new();
    for (name, value) in url::form_urlencoded::parse(body) {
        let name = name.into_owned();
        if fields.insert(name, value.into_owned()).is_some() {
            return Err(TokenError::new("invalid_request", "a parameter is repeated"));
        }
    }
    // An empty parameter counts as absent (RFC 6749 §3.2).
    let mut take = |name: &str| fields.remove(name).filter(|value| !value.is_empty());
    let cookie = match take("cookie").as_deref() {
        None | Some("false" | "0") => false,
        Some("true" | "1") => true,
        Some(_) => return Err(TokenError::new("invalid_request", "cookie must be true or false")),
    };
    Ok(Form {
        grant_type: take("grant_type"),
        refresh_token: take("refresh_token"),
        cookie,
    })
}
