//! Lets a request through to an upload: by the upload's own key, or by its owner's bearer.

use crate::models::uploads::upload::Upload;
use crate::models::videos::video::Video;
use crate::services::upload_service::UploadService;
use axum::extract::{FromRef, FromRequestParts, OptionalFromRequestParts};
use axum::response::{IntoResponse, Response};
use contracts::VideoId;
use http::request::Parts;
use runtime::{Caller, PathId};

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
        let id = PathId::<VideoId>::from_request_parts(parts, state).await;
        let PathId(id) = id.map_err(IntoResponse::into_response)?;
        let key = upload_key(parts);
        let found = service
            .find(id, key.as_deref(), caller.map(|caller| caller.user_id))
            .await;
        let (video, upload) = found.map_err(IntoResponse::into_response)?;
        Ok(Self { video, upload })
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
