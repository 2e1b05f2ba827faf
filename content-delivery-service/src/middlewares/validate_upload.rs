//! Lets a request through to an upload: with the upload's own key, or with its owner's access token.

use crate::models::uploads::upload::Upload;
use crate::models::videos::video::Video;
use crate::services::upload_service::UploadService;
use axum::extract::{FromRef, FromRequestParts, OptionalFromRequestParts};
use contracts::VideoId;
use entitlements::models::rights::Asker;
use http::request::Parts;
use runtime::{Caller, PathId, Problem, RequestId};

/// An upload that the caller may continue.
pub(crate) struct OpenUpload {
    pub(crate) video: Video,
    pub(crate) upload: Upload,
    /// Who asks, if they are signed in.
    pub(crate) asker: Option<Asker>,
}

impl<S> FromRequestParts<S> for OpenUpload
where
    S: Send + Sync,
    UploadService: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let service = UploadService::from_ref(state);
        let caller = match <Caller as OptionalFromRequestParts<S>>::from_request_parts(parts, state).await {
            Ok(caller) => caller,
            Err(never) => match never {},
        };
        let PathId(id) = PathId::<VideoId>::from_request_parts(parts, state).await?;
        let key = upload_key(parts);
        let request = match RequestId::from_request_parts(parts, state).await {
            Ok(request) => request,
            Err(never) => match never {},
        };
        let asker = caller.as_ref().map(|caller| Asker::by(caller, &request));
        let (video, upload) = service.find(id, key.as_deref(), asker).await?;
        Ok(Self { video, upload, asker })
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
