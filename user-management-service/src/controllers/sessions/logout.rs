//! `POST /logout`

use super::cookie;
use crate::controllers::state::Api;
use crate::services::error::SessionError;
use crate::services::refresh_token::RefreshToken;
use crate::services::session_service::Leaving;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, CACHE_CONTROL, SET_COOKIE};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Deserialize;
use utoipa::ToSchema;

const MAX_BODY: usize = 64 * 1_024;

/// What to end; the bearer token or the cookie is enough without a body.
#[derive(Default, Deserialize, ToSchema)]
#[schema(as = Logout)]
pub(crate) struct Body {
    /// The refresh token of the sign-in to end, where the request has no bearer token.
    #[serde(default)]
    refresh_token: Option<String>,
    /// Ends all sign-ins of the user.
    #[serde(default)]
    everywhere: bool,
}

/// Ends the sign-in or, with `everywhere`, all of the user's; the reply is always the same.
#[utoipa::path(
    post, path = "/logout", operation_id = "logOut", tag = "users", request_body = Option<Body>,
    responses((status = 204, description = "Signed out, or was not signed in."))
)]
pub(crate) async fn log_out(State(api): State<Api>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    // A logout succeeds even with a body that can't be read.
    let body: Body = to_bytes(body, MAX_BODY)
        .await
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default();
    let ours = cookie::is_ours(&api.public_address, &parts.headers);
    if let Err(error) = leave(&api, &parts.headers, &body, ours).await {
        tracing::error!(%error, "a logout could not be stored");
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if ours
        && cookie::is_there(&api.public_address, &parts.headers)
        && let Some(clear) = cookie::clear(&api.public_address)
    {
        response.headers_mut().append(SET_COOKIE, clear);
    }
    response
}

async fn leave(api: &Api, headers: &HeaderMap, body: &Body, ours: bool) -> Result<(), SessionError> {
    let leaving = if body.everywhere {
        Leaving::Everywhere
    } else {
        Leaving::Here
    };
    for token in bearers(headers) {
        api.sessions.leave_by_bearer(token, leaving).await?;
    }
    let named = body.refresh_token.as_deref().and_then(RefreshToken::parse);
    let kept = ours.then(|| cookie::read(&api.public_address, headers)).flatten();
    for token in [named, kept].into_iter().flatten() {
        api.sessions.leave_by_token(&token, leaving).await?;
    }
    Ok(())
}

fn bearers(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers.get_all(AUTHORIZATION).iter().filter_map(|header| {
        let (scheme, token) = header.to_str().ok()?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token)
    })
}
