//! Ends what a user's sign-ins have opened, when these end.

use crate::repositories::playback_repository::Ending;
use crate::services::stream_service::StreamService;
use crate::services::upload_service::UploadService;
use async_trait::async_trait;
use backing::bus::{Handler, HandlerError};
use contracts::{Event, EventData, UserId};

/// Takes in the events of `moocflix.users`.
pub(crate) struct UserEvents {
    streams: StreamService,
    uploads: UploadService,
}

impl UserEvents {
    /// Ends playbacks and upload keys.
    pub(crate) fn new(streams: StreamService, uploads: UploadService) -> Self {
        Self { streams, uploads }
    }
}

#[async_trait]
impl Handler for UserEvents {
    async fn handle(&self, event: &Event) -> Result<(), HandlerError> {
        let user = UserId::from(event.subject);
        let ending = match &event.data {
            EventData::UserSessionEnded(ended) => Ending::SignIn(ended.session_id),
            EventData::UserSessionsEnded(ended) => Ending::Below(user, ended.version),
            EventData::UserDeactivated(ended) => Ending::Below(user, ended.version),
            EventData::UserRolesChanged(changed) => Ending::OthersBelow(user, changed.version),
            _ => return Ok(()),
        };
        if matches!(ending, Ending::Below(..)) {
            self.uploads.revoke_keys(user).await?;
        }
        Ok(self.streams.end_by(event, ending).await?)
    }
}
