//! `POST /upload`

use super::errors::malformed_header;
use super::idempotency::named_request;
use super::tus_metadata::Metadata;
use super::whole_body::Texts;
use super::{tus, tus_headers, whole_body};
use crate::controllers::state::Api;
use crate::controllers::videos::documents::{VideoDocument, upload_url};
use crate::models::uploads::creation::NewUpload;
use crate::models::videos::text;
use crate::services::error::{Denied, Failure, UploadError};
use crate::services::upload_service::Begun;
use crate::services::video_service::new_visibility;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use backing::once::Request;
use contracts::VideoId;
use entitlements::models::rights::Asker;
use entitlements::models::sharing::Visibility;
use futures::StreamExt;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderValue, StatusCode};
use runtime::openapi::RawBytes;
use runtime::{Caller, Json, Problem, ProblemDocument, Query};
use serde::Deserialize;

/// What may stand in the query.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Parameters {
    /// The lecture's title, for raw bodies.
    title: Option<String>,
    /// Who may watch it without a course, for raw bodies; `private` by default.
    visibility: Option<Visibility>,
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
    /// Who may watch it without a course; `private` by default.
    visibility: Option<Visibility>,
}

/// Begins an upload (with `Tus-Resumable: 1.0.0`), or takes a whole file (`multipart/form-data` with the field `file`
/// and optional `title`, `description` and `visibility`, or a raw `video/*`, `audio/*` or `application/octet-stream` body).
#[utoipa::path(
    post,
    path = "/upload",
    operation_id = "uploadVideo",
    tag = "content",
    params(
        Parameters,
        ("Tus-Resumable" = Option<String>, Header, description = "`1.0.0` begins a tus upload."),
        ("Upload-Length" = Option<u64>, Header, description = "The size of the file of a tus upload, in bytes."),
        ("Upload-Metadata" = Option<String>, Header, description = "`filename`, `filetype`, `title` and `visibility` of a tus upload, in base64."),
        ("Idempotency-Key" = Option<String>, Header, description = "For 30 days, a repeated request with the same key creates no second lecture."),
    ),
    request_body(content(
        (RawBytes = "video/mp4"),
        (RawBytes = "application/octet-stream"),
        (UploadForm = "multipart/form-data"),
    )),
    responses(
        (status = 201, description = "The upload has begun, or the file is stored.", body = VideoDocument, links(
            ("fetchVideo" = (operation_id = "fetchVideo", parameters(("video_id" = "$response.body#/id")))),
            ("updateVideo" = (operation_id = "updateVideo", parameters(("video_id" = "$response.body#/id")))),
            ("streamVideo" = (operation_id = "streamVideo", parameters(("video_id" = "$response.body#/id")))),
            ("showTranscode" = (operation_id = "showTranscode", parameters(("video_id" = "$response.body#/id")))),
            ("requestTranscode" = (operation_id = "requestTranscode", parameters(("video_id" = "$response.body#/id")))),
            ("deleteVideo" = (operation_id = "deleteVideo", parameters(("video_id" = "$response.body#/id")))),
        )),
        (status = 403, description = "`quota_exceeded`: the file would exceed what its owner may have.", body = ProblemDocument),
        (status = 413, description = "The file is too large.", body = ProblemDocument),
        (status = 415, description = "This is no audio or video.", body = ProblemDocument),
        (status = 422, description = "The file is empty, or a field is wrong.", body = ProblemDocument),
        (status = 429, description = "`too_many_uploads`: the owner has or sends as many as one may.", body = ProblemDocument),
        (status = 507, description = "There is no space left.", body = ProblemDocument),
    )
)]
pub(crate) async fn upload_video(
    State(api): State<Api>,
    caller: Caller,
    Query(parameters): Query<Parameters>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let asker = Asker::from(&caller);
    if headers.contains_key(tus::TUS_RESUMABLE) {
        return begin(&api, asker, &headers, body).await;
    }
    tus_headers::must_be_plain(&headers)?;
    let id = whole_body::take(
        &api,
        asker.user,
        &headers,
        Texts::of_query(parameters.title, parameters.visibility),
        body,
    )
    .await?;
    created(&api, id, asker, &format!("/api/v1/content/{id}")).await
}

async fn begin(api: &Api, asker: Asker, headers: &HeaderMap, body: Body) -> Result<Response, Problem> {
    tus_headers::must_speak_tus(headers)?;
    let (new, request) = declared(asker, headers)?;
    let first = match headers.get(CONTENT_TYPE) {
        Some(kind) if kind.as_bytes().eq_ignore_ascii_case(tus::OFFSET_STREAM.as_bytes()) => {
            tus_headers::must_be_offset_stream(headers)?;
            Some(tus_headers::checksum(headers)?)
        }
        Some(_) | None => None,
    };
    let (Begun::Now(id) | Begun::Before(id)) = api.uploads.create(&new, request.as_ref()).await?;
    let mut offset = 0;
    if let Some(checksum) = first {
        let uploads = api.uploads.clone();
        let is_named = request.is_some();
        let mut bytes = body.into_data_stream().map(|frame| frame.map_err(Into::into));
        let written = api.spawner.run(async move {
            let written = uploads.write((id, asker.user), 0, &mut bytes, checksum.as_ref()).await;
            // The client does not know the upload's address yet; with a key of its own it can ask again.
            if written.is_err() && !is_named {
                uploads.give_up(id).await;
            }
            written
        });
        offset = match written.await.map_err(Failure::from)? {
            Ok(offset) => offset,
            // A repeated creation: the upload has more bytes already.
            Err(UploadError::OffsetMismatch(offset)) if request.is_some() => offset,
            Err(error) => return Err(error.into()),
        };
    }
    let upload = api.uploads.upload(id).await?.ok_or(Denied::Deleted)?;
    let mut response = created(api, id, asker, &upload_url(id, &api.uploads.key(&upload))).await?;
    tus_headers::progress(
        response.headers_mut(),
        offset.max(upload.offset),
        Some(upload.expires_at),
    );
    Ok(response)
}

fn declared(asker: Asker, headers: &HeaderMap) -> Result<(NewUpload, Option<Request>), Problem> {
    if headers.contains_key(tus::UPLOAD_DEFER_LENGTH) {
        let detail = "Upload-Defer-Length is not offered here; send Upload-Length";
        return Err(malformed_header(detail));
    }
    let length = tus_headers::number(headers, &tus::UPLOAD_LENGTH)?
        .ok_or_else(|| malformed_header("Upload-Length is missing"))?;
    let raw = tus_headers::single(headers, &tus::UPLOAD_METADATA)?.unwrap_or_default();
    let metadata = Metadata::parse(raw).map_err(malformed_header)?;
    let title = text::title(metadata.title.as_deref(), metadata.filename.as_deref())
        .map_err(|what| Problem::invalid().field("title", what))?;
    let request = named_request(headers, asker.user, &["tus", &length.to_string(), raw])?;
    let new = NewUpload {
        owner: asker.user,
        length: Some(length),
        title,
        description: String::new(),
        sharing: new_visibility(metadata.visibility)?,
        filename: metadata.filename,
        metadata: metadata.raw,
        resumable: true,
    };
    Ok((new, request))
}

async fn created(api: &Api, id: VideoId, asker: Asker, location: &str) -> Result<Response, Problem> {
    let video = api.videos.find(id, asker).await?;
    let document = VideoDocument::from(api.videos.overview(video, asker).await?);
    let mut response = (StatusCode::CREATED, Json(document)).into_response();
    let location = HeaderValue::from_str(location).map_err(|error| Failure::Internal(error.to_string()))?;
    response.headers_mut().insert(LOCATION, location);
    Ok(response)
}
