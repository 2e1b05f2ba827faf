//! `OPTIONS /upload`: what this server speaks of tus.

use super::tus_headers as headers;
use crate::controllers::state::Uploads;
use crate::models::uploads::tus;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode};

/// Tells version, extensions, checksum algorithms and the largest upload.
#[utoipa::path(
    options,
    path = "/upload",
    operation_id = "describeUploads",
    tag = "content",
    responses((status = 204, description = "`Tus-Version`, `Tus-Extension`, `Tus-Max-Size`, `Tus-Checksum-Algorithm`."))
)]
pub(crate) async fn describe_uploads(State(state): State<Uploads>) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let told = response.headers_mut();
    told.insert(headers::TUS_RESUMABLE, HeaderValue::from_static(tus::VERSION));
    told.insert(headers::TUS_VERSION, HeaderValue::from_static(tus::VERSION));
    told.insert(headers::TUS_EXTENSION, HeaderValue::from_static(tus::EXTENSIONS));
    told.insert(
        headers::TUS_CHECKSUM_ALGORITHM,
        HeaderValue::from_static(tus::CHECKSUM_ALGORITHMS),
    );
    told.insert(headers::TUS_MAX_SIZE, HeaderValue::from(state.uploads.max_bytes()));
    response
}
