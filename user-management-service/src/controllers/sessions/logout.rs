//! `POST /logout`

use super::cookie;
use crate::controllers::state::Api;
use crate::services::act_service::Leaving;
use crate::services::error::SessionError;
use crate::services::tokens::refresh_token::RefreshToken;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, CACHE_CONTROL, SET_COOKIE};
use http::{HeaderMap, HeaderValue, StatusCode};
use runtime::{Problem, ProblemDocument, object_from_slice};
use serde::Deserialize;
use utoipa::ToSchema;

const MAX_BODY: usize = 64 * 1_024;

/// What to end; the bearer token or the cookie is enough without a body.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Logout)]
pub(crate) struct Body {
    /// The refresh token of the sign-in to end, where the request has no bearer token.
    #[serde(default)]
    refresh_token: Option<String>,
    /// Ends all sign-ins of the user.
    #[serde(default)]
    everywhere: bool,
}

/// Ends the sign-in or, with `everywhere`, all of the user's; the reply does not show whether there was one.
#[utoipa::path(
    post, path = "/logout", operation_id = "logOut", tag = "users", request_body = Option<Body>,
    responses(
        (status = 204, description = "Signed out, or was not signed in."),
        (status = 422, description = "`invalid_request`: the body can't be read, and nothing else names a sign-in", body = ProblemDocument),
        (status = 503, description = "`unavailable`: the tokens are refused already, but that is not stored yet", body = ProblemDocument),
    )
)]
pub(crate) async fn log_out(State(api): State<Api>, request: Request) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let ours = cookie::is_ours(&api.public_address, &parts.headers);
    let is_named =
        bearers(&parts.headers).next().is_some() || ours && cookie::is_there(&api.public_address, &parts.headers);
    let body = match read(body).await {
        Ok(body) => body,
        // A logout with a bearer or a cookie succeeds even with a body that can't be read.
        Err(_) if is_named => Body::default(),
        Err(wrong) => return Err(wrong),
    };
    // The browser keeps its cookie until the logout is stored, so that it can be repeated.
    leave(&api, &parts.headers, &body, ours).await?;
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
    Ok(response)
}

/// Reads the body, which may be missing.
async fn read(body: axum::body::Body) -> Result<Body, Problem> {
    let wrong = |why: &str| Problem::invalid().field("body", why);
    let bytes = to_bytes(body, MAX_BODY).await.map_err(|_| wrong("can't be read"))?;
    if bytes.is_empty() {
        return Ok(Body::default());
    }
    object_from_slice(&bytes).map_err(|error| wrong(&error.to_string()))
}

async fn leave(api: &Api, headers: &HeaderMap, body: &Body, ours: bool) -> Result<(), SessionError> {
    let leaving = if body.everywhere {
        Leaving::Everywhere
    } else {
        Leaving::Here
    };
    let mut result = Ok(());
    for token in bearers(headers) {
        result = result.and(api.sessions.leave_by_bearer(token, leaving).await);
    }
    let named = body.refresh_token.as_deref().and_then(RefreshToken::parse);
    let kept = ours.then(|| cookie::read(&api.public_address, headers)).flatten();
    for token in [named, kept].into_iter().flatten() {
        result = result.and(api.sessions.leave_by_token(&token, leaving).await);
    }
    result
}

fn bearers(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers.get_all(AUTHORIZATION).iter().filter_map(|header| {
        let (scheme, token) = header.to_str().ok()?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token)
    })
}
