//! `POST /token`: OAuth 2.0's token endpoint.
//!
//! Source: RFC 6749 §5, §6; unknown parameters are ignored as §3.2 demands

use super::{cookie, documents};
use crate::controllers::errors::whole_seconds;
use crate::controllers::state::Api;
use crate::services::error::UserError;
use crate::services::refresh_token::RefreshToken;
use crate::services::session_service::SignedIn;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER, SET_COOKIE};
use http::{HeaderMap, HeaderValue, StatusCode};
use runtime::Json;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

const MAX_BODY: usize = 64 * 1_024;

/// What is asked for.
#[derive(Default, Deserialize, ToSchema)]
#[schema(as = TokenRequest)]
pub(crate) struct Form {
    /// `refresh_token`; may be left out where the cookie brings the token.
    grant_type: Option<String>,
    /// The refresh token; may be left out where the cookie brings it.
    refresh_token: Option<String>,
    /// Keeps the next refresh token in a cookie, for browsers.
    #[serde(default)]
    cookie: bool,
}

/// A refusal as OAuth 2.0 writes it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TokenError)]
pub(crate) struct Refusal {
    /// The code of RFC 6749 §5.2.
    error: &'static str,
    /// The code in words.
    error_description: String,
    #[serde(skip)]
    status: StatusCode,
    #[serde(skip)]
    retry_after: Option<u64>,
}

/// Takes a refresh token and gives an access token with the next refresh token.
#[utoipa::path(
    post, path = "/token", operation_id = "refreshToken", tag = "users",
    request_body(content = Form, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "Tokens and the account.", body = documents::TokensDocument),
        (status = 400, description = "`invalid_request`, `invalid_grant`, `unsupported_grant_type`", body = Refusal),
        (status = 403, description = "`invalid_request`: the cookie came from another site", body = Refusal),
    )
)]
pub(crate) async fn refresh_token(State(api): State<Api>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let from_cookie = cookie::is_there(&api.public_address, &parts.headers);
    let form = match to_bytes(body, MAX_BODY).await {
        Ok(bytes) => read(&parts.headers, &bytes),
        Err(_) => Err(refuse("invalid_request", "the body is too long or broke off")),
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
            let spent = from_cookie && refusal.error == "invalid_grant";
            let mut response = refusal.into_response();
            if let Some(clear) = spent.then(|| cookie::clear(&api.public_address)).flatten() {
                response.headers_mut().append(SET_COOKIE, clear);
            }
            response
        }
    }
}

async fn exchange(api: &Api, headers: &HeaderMap, form: &Form) -> Result<SignedIn, Refusal> {
    let kept = cookie::is_there(&api.public_address, headers);
    match form.grant_type.as_deref() {
        Some("refresh_token") => {}
        None if form.refresh_token.is_some() || kept => {}
        None => return Err(refuse("invalid_request", "grant_type is needed")),
        Some(_) => return Err(refuse("unsupported_grant_type", "only refresh_token is known here")),
    }
    // Neither is another site's form to spend the cookie, nor to put its own sign-in there.
    if (form.cookie || (form.refresh_token.is_none() && kept)) && !cookie::is_ours(&api.public_address, headers) {
        let refusal = refuse(
            "invalid_request",
            "the cookie counts only with the Origin of the page itself",
        );
        return Err(Refusal {
            status: StatusCode::FORBIDDEN,
            ..refusal
        });
    }
    let token = match &form.refresh_token {
        Some(text) => RefreshToken::parse(text),
        None if !kept => return Err(refuse("invalid_request", "refresh_token is needed")),
        None => cookie::read(&api.public_address, headers),
    };
    let token = token.ok_or(UserError::InvalidGrant)?;
    Ok(api.sessions.refresh(token).await?)
}

/// Reads a form; a page may send the same fields as JSON.
fn read(headers: &HeaderMap, body: &[u8]) -> Result<Form, Refusal> {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match kind.as_str() {
        _ if body.is_empty() => Ok(Form::default()),
        "application/x-www-form-urlencoded" => read_pairs(body),
        "application/json" => {
            serde_json::from_slice(body).map_err(|_| refuse("invalid_request", "the body can not be read"))
        }
        _ => Err(refuse(
            "invalid_request",
            "the body must be application/x-www-form-urlencoded",
        )),
    }
}

fn read_pairs(body: &[u8]) -> Result<Form, Refusal> {
    let mut fields = BTreeMap::new();
    for (name, value) in url::form_urlencoded::parse(body) {
        let name = name.into_owned();
        if fields.insert(name, value.into_owned()).is_some() {
            return Err(refuse("invalid_request", "a parameter comes twice"));
        }
    }
    // An empty parameter counts as absent (RFC 6749 §3.2).
    let mut take = |name: &str| fields.remove(name).filter(|value| !value.is_empty());
    let cookie = match take("cookie").as_deref() {
        None | Some("false" | "0") => false,
        Some("true" | "1") => true,
        Some(_) => return Err(refuse("invalid_request", "cookie must be true or false")),
    };
    Ok(Form {
        grant_type: take("grant_type"),
        refresh_token: take("refresh_token"),
        cookie,
    })
}

fn refuse(error: &'static str, description: &str) -> Refusal {
    Refusal {
        error,
        error_description: description.to_owned(),
        status: StatusCode::BAD_REQUEST,
        retry_after: None,
    }
}

impl From<UserError> for Refusal {
    fn from(error: UserError) -> Self {
        let away = |status, seconds| Self {
            status,
            retry_after: Some(seconds),
            ..refuse("temporarily_unavailable", "try again")
        };
        match error {
            UserError::InvalidGrant => refuse("invalid_grant", &error.to_string()),
            UserError::Limited(wait) => away(StatusCode::TOO_MANY_REQUESTS, whole_seconds(wait)),
            other => {
                tracing::error!(error = %other, "a refresh failed");
                away(StatusCode::SERVICE_UNAVAILABLE, 5)
            }
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, retry_after) = (self.status, self.retry_after);
        let mut response = (status, Json(self)).into_response();
        documents::never_kept(&mut response);
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
