//! `HEAD` and `PATCH /upload/{video_id}`

use super::errors::malformed_header;
use super::{tus, tus_headers};
use crate::controllers::state::Api;
use crate::middlewares::validate_upload::OpenUpload;
use crate::models::uploads::upload::UploadState;
use crate::services::error::{Failure, UploadError};
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use contracts::VideoId;
use futures::StreamExt;
use http::header::CACHE_CONTROL;
use http::{HeaderMap, HeaderValue, StatusCode};
use runtime::openapi::RawBytes;
use runtime::{Problem, ProblemDocument};

/// Returns the upload's offset; the bytes before it survive a crash.
#[utoipa::path(
    head,
    path = "/upload/{video_id}",
    operation_id = "showUpload",
    tag = "content",
    params(("video_id" = VideoId, Path), ("k" = Option<String>, Query, description = "The upload's own key.")),
    responses(
        (status = 200, description = "`Upload-Offset`, `Upload-Length`, `Upload-Metadata`, `Upload-Expires`."),
        (status = 410, description = "The upload expired or was deleted."),
        (status = 412, description = "`Tus-Resumable` is missing or not 1.0.0."),
    )
)]
pub(crate) async fn show_upload(headers: HeaderMap, open: OpenUpload) -> Result<Response, Problem> {
    tus_headers::must_speak_tus(&headers)?;
    let mut response = StatusCode::OK.into_response();
    let shown = response.headers_mut();
    tus_headers::progress_of(shown, &open.upload);
    shown.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(length) = open.upload.length {
        shown.insert(tus::UPLOAD_LENGTH, HeaderValue::from(length));
    }
    if let Ok(metadata) = HeaderValue::from_str(&open.upload.metadata)
        && !metadata.is_empty()
    {
        shown.insert(tus::UPLOAD_METADATA, metadata);
    }
    Ok(response)
}

/// Appends bytes to an upload at its offset.
#[utoipa::path(
    patch,
    path = "/upload/{video_id}",
    operation_id = "resumeUpload",
    tag = "content",
    params(
        ("video_id" = VideoId, Path),
        ("k" = Option<String>, Query, description = "The upload's own key."),
        ("Tus-Resumable" = String, Header, description = "`1.0.0`."),
        ("Upload-Offset" = u64, Header, description = "Where the body's first byte belongs."),
        ("Upload-Checksum" = Option<String>, Header, description = "`sha1` or `sha256` and the body's digest in base64."),
    ),
    request_body(content = RawBytes, content_type = "application/offset+octet-stream"),
    responses(
        (status = 204, description = "The bytes are durable up to `Upload-Offset`."),
        (status = 409, description = "The upload is at another offset; `Upload-Offset` states it.", body = ProblemDocument),
        (status = 415, description = "This is no audio or video; the upload is gone.", body = ProblemDocument),
        (status = 423, description = "Another request is writing this upload.", body = ProblemDocument),
        (status = 429, description = "`too_many_uploads`: the owner sends as many files as one may.", body = ProblemDocument),
        (status = 460, description = "The checksum does not match; no byte of this request was stored.", body = ProblemDocument),
        (status = 503, description = "`busy`: the server has no memory for more uploads; resume later.", body = ProblemDocument),
        (status = 507, description = "There is no space left; resume later.", body = ProblemDocument),
    )
)]
pub(crate) async fn resume_upload(
    State(api): State<Api>,
    headers: HeaderMap,
    open: OpenUpload,
    body: Body,
) -> Result<Response, Problem> {
    resume(&api, &headers, &open, body).await
}

pub(super) async fn resume(api: &Api, headers: &HeaderMap, open: &OpenUpload, body: Body) -> Result<Response, Problem> {
    tus_headers::must_speak_tus(headers)?;
    tus_headers::must_be_offset_stream(headers)?;
    let offset = tus_headers::number(headers, &tus::UPLOAD_OFFSET)?
        .ok_or_else(|| malformed_header("Upload-Offset is missing"))?;
    let checksum = tus_headers::checksum(headers)?;
    let upload = &open.upload;
    if upload.state != UploadState::Open && offset == upload.offset {
        // The answer to the last bytes was lost: the same end again is no mistake.
        return match http_body::Body::size_hint(&body).exact() {
            Some(0) => Ok(stored(offset, None)),
            Some(_) | None => Err(UploadError::LongerThanDeclared.into()),
        };
    }
    let declared = tus_headers::number(headers, &http::header::CONTENT_LENGTH)?.unwrap_or(0);
    if upload
        .length
        .is_some_and(|length| offset == upload.offset && declared > length.saturating_sub(offset))
    {
        return Err(UploadError::LongerThanDeclared.into());
    }
    let (id, uploads) = ((open.video.id, upload.owner_id), api.uploads.clone());
    let mut bytes = body.into_data_stream().map(|frame| frame.map_err(Into::into));
    // What arrived before a client vanished is noted although its request is gone.
    let work = api
        .spawner
        .run(async move { uploads.write(id, offset, &mut bytes, checksum.as_ref()).await });
    let offset = work.await.map_err(Failure::from)??;
    Ok(stored(offset, Some(api.uploads.expires_at())))
}

fn stored(offset: u64, expires_at: Option<contracts::Timestamp>) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    tus_headers::progress(response.headers_mut(), offset, expires_at);
    response
}
