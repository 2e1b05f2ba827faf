//! `DELETE` and `POST /upload/{video_id}`

use super::resume_upload::resume;
use super::tus_headers;
use crate::controllers::state::Api;
use crate::middlewares::validate_upload::OpenUpload;
use crate::models::uploads::upload::UploadState;
use crate::services::error::Denied;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use contracts::VideoId;
use http::header::ALLOW;
use http::{HeaderMap, HeaderName, StatusCode};
use runtime::{Problem, ProblemDocument};

const METHOD_OVERRIDE: HeaderName = HeaderName::from_static("x-http-method-override");

/// Cancels an upload permanently; if it is finished, deletes the lecture, which takes a sign-in.
#[utoipa::path(
    delete,
    path = "/upload/{video_id}",
    operation_id = "cancelUpload",
    tag = "content",
    params(("video_id" = VideoId, Path), ("k" = Option<String>, Query, description = "The upload's own key.")),
    responses(
        (status = 204, description = "The upload is gone."),
        (status = 401, description = "The upload is finished, and there is no valid sign-in.", body = ProblemDocument),
        (status = 410, description = "The upload was gone before.", body = ProblemDocument),
    )
)]
pub(crate) async fn cancel_upload(
    State(api): State<Api>,
    headers: HeaderMap,
    open: OpenUpload,
) -> Result<Response, Problem> {
    cancel(&api, &headers, &open).await
}

async fn cancel(api: &Api, headers: &HeaderMap, open: &OpenUpload) -> Result<Response, Problem> {
    tus_headers::must_speak_tus(headers)?;
    if open.upload.state == UploadState::Open {
        api.videos.remove(open.video.id, None).await?;
    } else {
        let asker = open.asker.ok_or(Denied::KeySpent)?;
        api.videos.delete(open.video.id, asker).await?;
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Sends `PATCH` and `DELETE` for clients whose network blocks these methods.
#[utoipa::path(
    post,
    path = "/upload/{video_id}",
    operation_id = "overrideUploadMethod",
    tag = "content",
    params(
        ("video_id" = VideoId, Path),
        ("k" = Option<String>, Query, description = "The upload's own key."),
        ("X-HTTP-Method-Override" = String, Header, description = "`PATCH` or `DELETE`."),
    ),
    responses((status = 204, description = "The answer of the overriding method."))
)]
pub(crate) async fn override_method(
    State(api): State<Api>,
    headers: HeaderMap,
    open: OpenUpload,
    body: Body,
) -> Result<Response, Problem> {
    match headers.get(METHOD_OVERRIDE).map(http::HeaderValue::as_bytes) {
        Some(b"PATCH") => resume(&api, &headers, &open, body).await,
        Some(b"DELETE") => cancel(&api, &headers, &open).await,
        Some(_) | None => {
            let detail = "POST here needs X-HTTP-Method-Override: PATCH or DELETE";
            let refusal = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail);
            Ok(refusal.header(ALLOW, "HEAD, PATCH, DELETE").into_response())
        }
    }
}
