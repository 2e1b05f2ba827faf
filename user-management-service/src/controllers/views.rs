//! How accounts and tokens look on the wire.

use super::cookie;
use crate::models::User;
use crate::services::SignedIn;
use crate::web::Web;
use axum::response::{IntoResponse, Response};
use contracts::{Roles, Timestamp, UserId};
use http::header::{CACHE_CONTROL, ETAG, PRAGMA, SET_COOKIE};
use http::{HeaderValue, StatusCode};
use runtime::Json;
use secrecy::ExposeSecret;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

/// An account as its owner and the admins see it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = User)]
pub(crate) struct UserView {
    /// The account's id.
    #[schema(value_type = UserId)]
    id: UserId,
    /// The address as its owner wrote it.
    email: String,
    /// Whether the address was shown to be theirs.
    email_verified: bool,
    /// The name that others see.
    name: String,
    /// A text about the person.
    bio: Option<String>,
    /// The language of the page, a tag such as `pt-BR`.
    locale: Option<String>,
    /// The platform-wide roles.
    roles: Roles,
    /// When the account was made.
    created_at: Timestamp,
    /// When it last changed.
    updated_at: Timestamp,
    /// Since when it is deactivated; left out while it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    deactivated_at: Option<Timestamp>,
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            email: user.email,
            email_verified: user.email_verified,
            name: user.name,
            bio: user.bio,
            locale: user.locale,
            roles: user.roles,
            created_at: user.created_at,
            updated_at: user.updated_at,
            deactivated_at: user.deactivated_at,
        }
    }
}

/// The answer that shows an account: with its `ETag`, never cached.
pub(crate) fn user(status: StatusCode, user: User) -> Response {
    let etag = HeaderValue::try_from(format!("\"{}\"", user.revision)).ok();
    let mut response = (status, Json(UserView::from(user))).into_response();
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(etag) = etag {
        response.headers_mut().insert(ETAG, etag);
    }
    response
}

/// Tokens as OAuth 2.0 shows them, with the account.
#[derive(Serialize, ToSchema)]
#[schema(as = Tokens)]
pub(crate) struct TokensView {
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
    #[schema(value_type = UserView)]
    user: UserView,
}

/// The answer that gives tokens; with `in_cookie` the refresh token goes into the browser's cookie instead.
pub(crate) fn tokens(signed_in: SignedIn, in_cookie: bool, web: &Web) -> Response {
    let refresh_token = signed_in.refresh_token.text();
    let cookie = in_cookie
        .then(|| cookie::keep(web, &refresh_token, signed_in.refresh_life))
        .flatten();
    let view = TokensView {
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

/// Reads a field that may be absent, `null` or a value, and keeps the three apart.
pub(crate) fn present<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::<T>::deserialize(deserializer).map(Some)
}
