//! What the controllers of uploads and lectures work with.

use crate::services::transcode_service::TranscodeService;
use crate::services::upload_service::UploadService;
use crate::services::video_service::VideoService;
use axum::extract::FromRef;
use backing::bus::Broadcast;
use runtime::{Authenticator, Spawner};

/// The state behind the rows of uploads and lectures.
#[derive(Clone)]
pub(crate) struct Uploads {
    pub(crate) uploads: UploadService,
    pub(crate) videos: VideoService,
    pub(crate) transcodes: TranscodeService,
    pub(crate) spawner: Spawner,
    pub(crate) authenticator: Authenticator,
    /// What this service reports.
    pub(crate) changes: Broadcast,
}

impl FromRef<Uploads> for UploadService {
    fn from_ref(state: &Uploads) -> Self {
        state.uploads.clone()
    }
}
