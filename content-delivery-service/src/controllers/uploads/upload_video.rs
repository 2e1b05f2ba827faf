//! `POST /upload`: begins a tus upload, or takes a whole file as a form or a raw body.

use super::idempotency::named_request;
use super::tus_headers as tus;
use super::whole_body;
use crate::controllers::state::Uploads;
use crate::models::text;
use crate::models::uploads::creation::NewUpload;
use crate::models::uploads::tus::{Metadata, OFFSET_STREAM};
use crate::models::videos::video_document::{VideoDocument, upload_url};
use crate::services::error::ContentError;
use crate::services::upload_service::Begun;
use crate::services::video_service::Viewer;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use backing::once::Request;
use contracts::VideoId;
use futures::StreamExt;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderValue, StatusCode};
use runtime::openapi::RawBytes;
use runtime::{Caller, Json, ProblemDocument, Query};
use serde::Deserialize;

/// What may stand in the query.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Parameters {
    /// The lecture's title, for raw bodies.
    title: Option<String>,
}

/// A lecture as an HTML form sends it.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "documents a form that is read as a stream")]
struct UploadForm {
    /// The media file.
    #[schema(value_type = RawBytes)]
    file: RawBytes,
    /// The lecture's title.
    title: Option<String>,
    /// What the lecture is about.
    description: Option<String>,
}

/// Begins an upload (with `Tus-Resumable: 1.0.0`), or takes a whole file (`multipart/form-data` with the field `file`
/// and optional `title` and `description`, or a raw `video/*`, `audio/*` or `application/octet-stream` body).
#[utoipa::path(
    post,
    path = "/upload",
    operation_id = "uploadVideo",
    tag = "content",
    params(
        Parameters,
        ("Tus-Resumable" = Option<String>, Header, description = "`1.0.0` begins a tus upload."),
        ("Upload-Length" = Option<u64>, Header, description = "The size of the file of a tus upload, in bytes."),
        ("Upload-Metadata" = Option<String>, Header, description = "`filename`, `filetype` and `title` of a tus upload, in base64."),
        ("Idempotency-Key" = Option<String>, Header, description = "Sending it again with the same request makes no second lecture."),
    ),
    request_body(content(
        (RawBytes = "video/mp4"),
        (RawBytes = "application/octet-stream"),
        (UploadForm = "multipart/form-data"),
    )),
    responses(
        (status = 201, description = "The upload began, or the file is stored.", body = VideoDocument, links(
            ("fetchVideo" = (operation_id = "fetchVideo", parameters(("video_id" = "$response.body#/id")))),
            ("updateVideo" = (operation_id = "updateVideo", parameters(("video_id" = "$response.body#/id")))),
            ("streamVideo" = (operation_id = "streamVideo", parameters(("video_id" = "$response.body#/id")))),
            ("showTranscode" = (operation_id = "showTranscode", parameters(("video_id" = "$response.body#/id")))),
            ("requestTranscode" = (operation_id = "requestTranscode", parameters(("video_id" = "$response.body#/id")))),
            ("deleteVideo" = (operation_id = "deleteVideo", parameters(("video_id" = "$response.body#/id")))),
        )),
        (status = 413, description = "The file is too large.", body = ProblemDocument),
        (status = 415, description = "This is no audio or video.", body = ProblemDocument),
        (status = 422, description = "The file is empty, or a field is wrong.", body = ProblemDocument),
        (status = 507, description = "There is no space left.", body = ProblemDocument),
    )
)]
pub(crate) async fn upload_video(
    State(state): State<Uploads>,
    caller: Caller,
    Query(parameters): Query<Parameters>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ContentError> {
    let viewer = Viewer {
        user: caller.user_id,
        is_admin: caller.is_admin(),
    };
    if headers.contains_key(tus::TUS_RESUMABLE) {
        return begin(&state, viewer, &headers, body).await;
    }
    tus::must_be_plain(&headers)?;
    let id = whole_body::take(&state, viewer.user, &headers, parameters.title, body).await?;
    let location = format!("/api/v1/content/{id}");
    created(&state, id, viewer, &location).await
}

async fn begin(state: &Uploads, viewer: Viewer, headers: &HeaderMap, body: Body) -> Result<Response, ContentError> {
    tus::must_speak_tus(headers)?;
    let (new, request) = declared(viewer, headers)?;
    let first = match headers.get(CONTENT_TYPE) {
        Some(kind) if kind.as_bytes().eq_ignore_ascii_case(OFFSET_STREAM.as_bytes()) => {
            tus::must_be_offset_stream(headers)?;
            Some(tus::checksum(headers)?)
        }
        Some(_) | None => None,
    };
    let (Begun::Now(id) | Begun::Before(id)) = state.uploads.create(&new, request.as_ref()).await?;
    let mut offset = 0;
    if let Some(checksum) = first {
        let uploads = state.uploads.clone();
        let is_named = request.is_some();
        let mut bytes = body.into_data_stream().map(|frame| frame.map_err(Into::into));
        let written = state.spawner.run(async move {
            let written = uploads.write(id, 0, &mut bytes, checksum.as_ref()).await;
            // Its sender does not know the upload's address yet; under a key of its own it can ask again.
            if written.is_err() && !is_named {
                uploads.give_up(id).await;
            }
            written
        });
        offset = match written.await.map_err(|lost| ContentError::Internal(lost.to_string()))? {
            Ok(offset) => offset,
            // A repeated creation: the upload stands further on already.
            Err(ContentError::OffsetMismatch(offset)) if request.is_some() => offset,
            Err(error) => return Err(error),
        };
    }
    let upload = state.uploads.upload(id).await?.ok_or(ContentError::Deleted)?;
    let mut response = created(state, id, viewer, &upload_url(id, &state.uploads.key(&upload))).await?;
    tus::progress(
        response.headers_mut(),
        offset.max(upload.offset),
        Some(upload.expires_at),
    );
    Ok(response)
}

fn declared(viewer: Viewer, headers: &HeaderMap) -> Result<(NewUpload, Option<Request>), ContentError> {
    if headers.contains_key(tus::UPLOAD_DEFER_LENGTH) {
        return Err(ContentError::BadHeader(
            "Upload-Defer-Length is not offered here; send Upload-Length".to_owned(),
        ));
    }
    let length = tus::number(headers, &tus::UPLOAD_LENGTH)?
        .ok_or_else(|| ContentError::BadHeader("Upload-Length is missing".to_owned()))?;
    let raw = tus::single(headers, &tus::UPLOAD_METADATA)?.unwrap_or_default();
    let metadata = Metadata::parse(raw).map_err(ContentError::BadHeader)?;
    let title = match &metadata.title {
        Some(title) => contracts::text::title(title).map_err(|what| ContentError::BadField("title", what))?,
        None => metadata
            .filename
            .as_deref()
            .map_or_else(|| text::UNTITLED.to_owned(), text::title_from),
    };
    let request = named_request(headers, viewer.user, &["tus", &length.to_string(), raw])?;
    let new = NewUpload {
        owner: viewer.user,
        length: Some(length),
        title,
        description: String::new(),
        filename: metadata.filename,
        metadata: metadata.raw,
        resumable: true,
    };
    Ok((new, request))
}

async fn created(state: &Uploads, id: VideoId, viewer: Viewer, location: &str) -> Result<Response, ContentError> {
    let video = state.videos.find(id, viewer).await?;
    let document = state.videos.show(video, viewer).await?;
    let mut response = (StatusCode::CREATED, Json(document)).into_response();
    let location = HeaderValue::from_str(location).map_err(|error| ContentError::Internal(error.to_string()))?;
    response.headers_mut().insert(LOCATION, location);
    Ok(response)
}
