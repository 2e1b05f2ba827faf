//! The state behind the routes of uploads and lectures.

use crate::services::audit_service::AuditService;
use crate::services::transcode_service::TranscodeService;
use crate::services::upload_service::UploadService;
use crate::services::video_service::VideoService;
use crate::services::watch_service::WatchService;
use axum::extract::FromRef;
use backing::bus::Broadcast;
use entitlements::services::kept_lectures::KeptLectures;
use entitlements::services::user_places::UserPlaces;
use runtime::{Authenticator, Spawner};

/// What the controllers work with.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) uploads: UploadService,
    pub(crate) videos: VideoService,
    pub(crate) kept: KeptLectures,
    pub(crate) transcodes: TranscodeService,
    pub(crate) watches: WatchService,
    pub(crate) audit: AuditService,
    pub(crate) spawner: Spawner,
    pub(crate) authenticator: Authenticator,
    /// The events of this service.
    pub(crate) changes: Broadcast,
    /// Those who follow events.
    pub(crate) watchers: UserPlaces,
}

impl FromRef<Api> for UploadService {
    fn from_ref(api: &Api) -> Self {
        api.uploads.clone()
    }
}
