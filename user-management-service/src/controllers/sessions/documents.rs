//! How tokens look on the wire.

use super::cookie;
use super::public_address::PublicAddress;
use crate::controllers::accounts::documents::UserDocument;
use crate::services::session_service::SignedIn;
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::{CACHE_CONTROL, PRAGMA, SET_COOKIE};
use runtime::Json;
use secrecy::ExposeSecret;
use serde::Serialize;
use utoipa::ToSchema;

/// Tokens as OAuth 2.0 shows them, with the account.
#[derive(Serialize, ToSchema)]
#[schema(as = Tokens)]
pub(crate) struct TokensDocument {
    /// The bearer for every other request.
    access_token: String,
    /// Always `Bearer`.
    token_type: &'static str,
    /// How long the access token is good for, in seconds.
    expires_in: i64,
    /// What the next access token is asked for with; left out where a cookie keeps it.
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    /// Whose tokens they are.
    #[schema(value_type = UserDocument)]
    user: UserDocument,
}

/// The answer that gives tokens; with `in_cookie` the refresh token goes into the browser's cookie instead.
pub(crate) fn tokens(signed_in: SignedIn, in_cookie: bool, address: &PublicAddress) -> Response {
    let refresh_token = signed_in.refresh_token.text();
    let cookie = in_cookie
        .then(|| cookie::keep(address, &refresh_token, signed_in.refresh_life))
        .flatten();
    let view = TokensDocument {
        access_token: signed_in.access_token.expose_secret().to_owned(),
        token_type: "Bearer",
        expires_in: i64::try_from(signed_in.expires_in.as_secs()).unwrap_or(i64::MAX),
        refresh_token: (!in_cookie).then(|| refresh_token.expose_secret().to_owned()),
        user: signed_in.user.into(),
    };
    let mut response = Json(view).into_response();
    never_kept(&mut response);
    if let Some(cookie) = cookie {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

/// Source: RFC 6749 §5.1
pub(crate) fn never_kept(response: &mut Response) {
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
        .headers_mut()
        .insert(PRAGMA, HeaderValue::from_static("no-cache"));
}
