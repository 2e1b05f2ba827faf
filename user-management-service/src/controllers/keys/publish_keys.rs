//! `GET /.well-known/jwks.json`

use crate::controllers::state::Api;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::CACHE_CONTROL;
use runtime::Json;

/// Returns the public keys that verify access tokens.
#[utoipa::path(
    get, path = "/jwks.json", operation_id = "publishKeys", tag = "users",
    responses((status = 200, description = "A JSON Web Key Set (RFC 7517).", body = serde_json::Value))
)]
pub(crate) async fn publish_keys(State(api): State<Api>) -> Response {
    let mut response = Json(api.keys.jwks()).into_response();
    // Shorter than the ten minutes, or the day, between a key's publication and its first signature.
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    response
}
