//! `GET /.well-known/jwks.json`

use crate::controllers::state::Api;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::CACHE_CONTROL;
use runtime::Json;

/// The public keys that access tokens are checked with.
#[utoipa::path(
    get, path = "/.well-known/jwks.json", operation_id = "publishKeys", tag = "users",
    responses((status = 200, description = "A JSON Web Key Set (RFC 7517).", body = serde_json::Value))
)]
pub(crate) async fn publish_keys(State(api): State<Api>) -> Response {
    let mut response = Json(api.keys.jwks()).into_response();
    // Short beside the day that a key is published before it signs.
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    response
}
