//! `GET /.well-known/oauth-authorization-server` and, for clients that look there, `/.well-known/openid-configuration`

use crate::controllers::state::Api;
use crate::models::clients::client::SCOPES;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::CACHE_CONTROL;
use runtime::Json;
use serde::Serialize;
use utoipa::ToSchema;

/// What the authorization server is able to do, and where.
///
/// Source: RFC 8414 §2
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuthorizationServer)]
pub(crate) struct Metadata {
    /// The `iss` of its tokens; its endpoints are below this address.
    issuer: String,
    /// Where tokens are given.
    token_endpoint: String,
    /// Where tokens are ended.
    revocation_endpoint: String,
    /// The keys that verify its access tokens.
    jwks_uri: String,
    /// The scopes that clients may have.
    scopes_supported: &'static [&'static str],
    /// `none`: there is no authorization endpoint.
    response_types_supported: &'static [&'static str],
    /// What tokens are given for.
    grant_types_supported: &'static [&'static str],
    /// How clients show their credentials; people's programs have none.
    token_endpoint_auth_methods_supported: &'static [&'static str],
    /// The same where tokens are ended.
    revocation_endpoint_auth_methods_supported: &'static [&'static str],
}

const AUTH_METHODS: &[&str] = &["client_secret_basic", "client_secret_post", "none"];

/// Describes the OAuth 2.0 endpoints.
#[utoipa::path(
    get, path = "/oauth-authorization-server", operation_id = "publishMetadata", tag = "users",
    responses((status = 200, description = "Authorization server metadata (RFC 8414).", body = Metadata))
)]
pub(crate) async fn publish_metadata(State(api): State<Api>) -> Response {
    metadata(&api)
}

/// Describes the same endpoints under the name that OpenID Connect gives to such a description.
#[utoipa::path(
    get, path = "/openid-configuration", operation_id = "publishOpenIdMetadata", tag = "users",
    responses((status = 200, description = "Authorization server metadata (RFC 8414).", body = Metadata))
)]
pub(crate) async fn publish_openid_metadata(State(api): State<Api>) -> Response {
    metadata(&api)
}

fn metadata(api: &Api) -> Response {
    let issuer = api.clients.issuer.name().to_owned();
    let base = issuer.trim_end_matches('/');
    let view = Metadata {
        token_endpoint: format!("{base}/api/v1/users/token"),
        revocation_endpoint: format!("{base}/api/v1/users/revoke"),
        jwks_uri: format!("{base}/.well-known/jwks.json"),
        scopes_supported: SCOPES,
        response_types_supported: &["none"],
        grant_types_supported: &["client_credentials", "refresh_token"],
        token_endpoint_auth_methods_supported: AUTH_METHODS,
        revocation_endpoint_auth_methods_supported: AUTH_METHODS,
        issuer,
    };
    let mut response = Json(view).into_response();
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    response
}
