//! `DELETE /upload/{videoId}`: ends an upload for good; of a finished one, deletes the lecture.

use super::resume_upload::resume;
use super::tus_headers as tus;
use crate::controllers::state::Uploads;
use crate::middlewares::validate_upload::OpenUpload;
use crate::services::error::ContentError;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use contracts::VideoId;
use http::header::ALLOW;
use http::{HeaderMap, HeaderName, StatusCode};
use runtime::{Problem, ProblemDocument};

const METHOD_OVERRIDE: HeaderName = HeaderName::from_static("x-http-method-override");

/// Ends an upload for good; of a finished one, deletes the lecture.
#[utoipa::path(
    delete,
    path = "/upload/{video_id}",
    operation_id = "cancelUpload",
    tag = "content",
    params(("video_id" = VideoId, Path), ("k" = Option<String>, Query, description = "The upload's own key.")),
    responses(
        (status = 204, description = "It is gone."),
        (status = 410, description = "It was gone before.", body = ProblemDocument),
    )
)]
pub(crate) async fn cancel_upload(
    State(state): State<Uploads>,
    headers: HeaderMap,
    open: OpenUpload,
) -> Result<Response, ContentError> {
    cancel(&state, &headers, &open).await
}

async fn cancel(state: &Uploads, headers: &HeaderMap, open: &OpenUpload) -> Result<Response, ContentError> {
    tus::must_speak_tus(headers)?;
    state.videos.remove(open.video.id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `PATCH` and `DELETE` for clients whose network knows neither.
#[utoipa::path(
    post,
    path = "/upload/{video_id}",
    operation_id = "overrideUploadMethod",
    tag = "content",
    params(
        ("video_id" = VideoId, Path),
        ("k" = Option<String>, Query, description = "The upload's own key."),
        ("X-HTTP-Method-Override" = String, Header, description = "PATCH or DELETE."),
    ),
    responses((status = 204, description = "As of the method that was meant."))
)]
pub(crate) async fn override_method(
    State(state): State<Uploads>,
    headers: HeaderMap,
    open: OpenUpload,
    body: Body,
) -> Result<Response, ContentError> {
    match headers.get(METHOD_OVERRIDE).map(http::HeaderValue::as_bytes) {
        Some(b"PATCH") => resume(&state, &headers, &open, body).await,
        Some(b"DELETE") => cancel(&state, &headers, &open).await,
        Some(_) | None => {
            let detail = "POST here needs X-HTTP-Method-Override: PATCH or DELETE";
            let refusal = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail);
            Ok(refusal.header(ALLOW, "HEAD, PATCH, DELETE").into_response())
        }
    }
}
