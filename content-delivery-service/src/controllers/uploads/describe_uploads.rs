//! `OPTIONS /upload`

use super::tus;
use crate::controllers::state::Api;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode};

/// Returns the version, extensions, checksum algorithms and the largest upload.
#[utoipa::path(
    options,
    path = "/upload",
    operation_id = "describeUploads",
    tag = "content",
    responses((status = 204, description = "`Tus-Version`, `Tus-Extension`, `Tus-Max-Size`, `Tus-Checksum-Algorithm`."))
)]
pub(crate) async fn describe_uploads(State(api): State<Api>) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(tus::TUS_RESUMABLE, HeaderValue::from_static(tus::VERSION));
    headers.insert(tus::TUS_VERSION, HeaderValue::from_static(tus::VERSION));
    headers.insert(tus::TUS_EXTENSION, HeaderValue::from_static(tus::EXTENSIONS));
    headers.insert(
        tus::TUS_CHECKSUM_ALGORITHM,
        HeaderValue::from_static(tus::CHECKSUM_ALGORITHMS),
    );
    headers.insert(tus::TUS_MAX_SIZE, HeaderValue::from(api.uploads.max_bytes()));
    response
}
