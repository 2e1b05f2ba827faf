//! How tokens look on the wire.

use super::cookie;
use crate::controllers::accounts::documents::UserDocument;
use crate::models::sessions::public_address::PublicAddress;
use crate::services::client_service::ClientToken;
use crate::services::session_service::SignedIn;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, PRAGMA, RETRY_AFTER, SET_COOKIE, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use runtime::Json;
use secrecy::ExposeSecret;
use serde::Serialize;
use utoipa::ToSchema;

/// Tokens in OAuth 2.0's form, with the account.
#[derive(Serialize, ToSchema)]
#[schema(as = Tokens)]
pub(crate) struct TokensDocument {
    /// The bearer token for all other requests.
    access_token: String,
    /// Always `Bearer`.
    token_type: &'static str,
    /// How long the access token is valid, in seconds.
    expires_in: i64,
    /// The token that `POST /token` exchanges for the next access token; absent where the cookie keeps it.
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    /// The account that the tokens belong to.
    #[schema(value_type = UserDocument)]
    user: UserDocument,
}

/// A client's access token in OAuth 2.0's form.
#[derive(Serialize, ToSchema)]
#[schema(as = ClientToken)]
pub(crate) struct ClientTokenDocument {
    /// The bearer token.
    access_token: String,
    /// Always `Bearer`.
    token_type: &'static str,
    /// How long the token is valid, in seconds.
    expires_in: i64,
    /// What it admits to: words with a space between two of them.
    scope: String,
}

/// What the token endpoint gives: to people as to clients.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = TokenReply)]
#[expect(dead_code, reason = "it describes the two replies, which are made one by one")]
pub(crate) enum TokenReply {
    /// For a refresh token.
    Tokens(TokensDocument),
    /// For a client's credentials.
    Client(ClientTokenDocument),
}

/// The reply that gives a client its token.
pub(crate) fn client_token(token: ClientToken) -> Response {
    let view = ClientTokenDocument {
        access_token: token.access_token.expose_secret().to_owned(),
        token_type: "Bearer",
        expires_in: i64::try_from(token.expires_in.as_secs()).unwrap_or(i64::MAX),
        scope: token.scope,
    };
    let mut response = Json(view).into_response();
    forbid_caching(&mut response);
    response
}

/// The reply that gives tokens; with `in_cookie`, the refresh token is in the browser's cookie and not in the body.
pub(crate) fn tokens(signed_in: SignedIn, in_cookie: bool, address: &PublicAddress) -> Response {
    let refresh_token = signed_in.refresh_token.text();
    let cookie = in_cookie
        .then(|| cookie::keep(address, &refresh_token, signed_in.refresh_life))
        .flatten();
    let device = signed_in.device.as_ref().filter(|_| in_cookie);
    let device = device.and_then(|device| cookie::keep_device(address, device));
    let view = TokensDocument {
        access_token: signed_in.access_token.expose_secret().to_owned(),
        token_type: "Bearer",
        expires_in: i64::try_from(signed_in.expires_in.as_secs()).unwrap_or(i64::MAX),
        refresh_token: (!in_cookie).then(|| refresh_token.expose_secret().to_owned()),
        user: signed_in.user.into(),
    };
    let mut response = Json(view).into_response();
    forbid_caching(&mut response);
    for cookie in [cookie, device].into_iter().flatten() {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

/// Forbids caches to store a reply.
///
/// Source: RFC 6749 §5.1
pub(crate) fn forbid_caching(response: &mut Response) {
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
        .headers_mut()
        .insert(PRAGMA, HeaderValue::from_static("no-cache"));
}

/// An error of the token endpoint as OAuth 2.0 writes it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TokenError)]
pub(crate) struct TokenError {
    /// The code of RFC 6749 §5.2.
    error: &'static str,
    /// What is wrong, in words.
    error_description: String,
    #[serde(skip)]
    status: StatusCode,
    #[serde(skip)]
    retry_after: Option<u64>,
}

/// How a client whose credentials are refused is asked for others.
const CHALLENGE: HeaderValue = HeaderValue::from_static("Basic realm=\"moocflix\"");

impl TokenError {
    /// 400 with a code of the RFC.
    pub(crate) fn new(error: &'static str, description: &str) -> Self {
        Self {
            error,
            error_description: description.to_owned(),
            status: StatusCode::BAD_REQUEST,
            retry_after: None,
        }
    }

    /// 401: the client's credentials are missing or wrong.
    pub(crate) fn invalid_client(description: &str) -> Self {
        Self {
            status: StatusCode::UNAUTHORIZED,
            ..Self::new("invalid_client", description)
        }
    }

    /// 403: the request carries the cookie but comes from another site.
    pub(crate) fn cross_site() -> Self {
        Self {
            status: StatusCode::FORBIDDEN,
            ..Self::new("invalid_request", cookie::NOT_OURS)
        }
    }

    /// 503: the same request may succeed after this many seconds.
    pub(crate) fn unavailable(seconds: u64) -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            retry_after: Some(seconds),
            ..Self::new("temporarily_unavailable", "try again")
        }
    }

    /// 429: there were too many refreshes.
    pub(crate) fn limited(seconds: u64) -> Self {
        Self {
            status: StatusCode::TOO_MANY_REQUESTS,
            retry_after: Some(seconds),
            ..Self::new("rate_limited", "too many refreshes; try again later")
        }
    }

    /// 507: the successor can't be stored.
    pub(crate) fn storage_full() -> Self {
        Self {
            status: StatusCode::INSUFFICIENT_STORAGE,
            ..Self::new("storage_full", "the storage is full")
        }
    }

    /// Whether the refresh token itself was refused.
    pub(crate) fn is_invalid_grant(&self) -> bool {
        self.error == "invalid_grant"
    }
}

impl IntoResponse for TokenError {
    fn into_response(self) -> Response {
        let (status, retry_after) = (self.status, self.retry_after);
        let is_challenged = status == StatusCode::UNAUTHORIZED;
        let mut response = (status, Json(self)).into_response();
        forbid_caching(&mut response);
        if is_challenged {
            response.headers_mut().insert(WWW_AUTHENTICATE, CHALLENGE);
        }
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
