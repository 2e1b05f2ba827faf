//! Lets a request through to an upload: by the upload's own key, or by its owner's bearer.

use crate::models::uploads::upload::Upload;
use crate::models::videos::video::Video;
use crate::services::upload_service::UploadService;
use axum::extract::{FromRef, FromRequestParts, OptionalFromRequestParts, RawPathParams};
use axum::response::{IntoResponse, Response};
use contracts::VideoId;
use http::request::Parts;
use runtime::Caller;

use crate::services::error::ContentError;

/// An upload that the caller may go on with.
pub(crate) struct OpenUpload {
    pub(crate) video: Video,
    pub(crate) upload: Upload,
}

impl<S> FromRequestParts<S> for OpenUpload
where
    S: Send + Sync,
    UploadService: FromRef<S>,
{
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let service = UploadService::from_ref(state);
        let caller = match <Caller as OptionalFromRequestParts<S>>::from_request_parts(parts, state).await {
            Ok(caller) => caller,
            Err(never) => match never {},
        };
        let id = VideoPath::from_request_parts(parts, state).await;
        let VideoPath(id) = id.map_err(IntoResponse::into_response)?;
        let key = upload_key(parts);
        let found = service
            .find(id, key.as_deref(), caller.map(|caller| caller.user_id))
            .await;
        let (video, upload) = found.map_err(IntoResponse::into_response)?;
        Ok(Self { video, upload })
    }
}

/// The lecture that the path names; a malformed id is an unknown one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct VideoPath(pub(crate) VideoId);

impl<S: Send + Sync> FromRequestParts<S> for VideoPath {
    type Rejection = ContentError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ContentError> {
        let path = RawPathParams::from_request_parts(parts, state).await;
        let path = path.map_err(|_| ContentError::NotFound)?;
        let id = path.iter().find(|(name, _)| *name == "video_id");
        id.and_then(|(_, id)| id.parse().ok())
            .map(Self)
            .ok_or(ContentError::NotFound)
    }
}

/// The value of `k` in the query; keys are base64url, which needs no decoding.
fn upload_key(parts: &Parts) -> Option<String> {
    let query = parts.uri.query()?;
    query
        .split('&')
        .find_map(|pair| pair.strip_prefix("k="))
        .map(str::to_owned)
}
