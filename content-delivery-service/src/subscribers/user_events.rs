//! Ends playbacks when a user's sign-ins end or the client that opened them is deleted, and uploads when these or the role that uploads take end.

use crate::repositories::playback::playback_repository::Ending;
use crate::services::stream_service::StreamService;
use crate::services::upload_service::UploadService;
use async_trait::async_trait;
use backing::bus::{After, Handler, Refused, Subscription};
use backing::{Clock, Db, Tx};
use contracts::events::USERS_TOPIC;
use contracts::{Event, EventData, UserId};
use std::sync::Arc;

/// The group whose inbox remembers which users' events were handled.
const GROUP: &str = "content-playbacks";

/// Handles the events of `moocflix.users`.
pub(crate) struct UserEvents {
    streams: StreamService,
    uploads: UploadService,
}

impl UserEvents {
    /// Ends playbacks and upload keys.
    pub(crate) fn new(streams: StreamService, uploads: UploadService) -> Self {
        Self { streams, uploads }
    }

    /// The group's subscription, with its effects in the content schema.
    pub(crate) fn subscription(self, db: Db, clock: Clock) -> Subscription {
        Subscription {
            group: GROUP,
            topics: &[USERS_TOPIC],
            db,
            clock,
            handler: Arc::new(self),
        }
    }
}

#[async_trait]
impl Handler for UserEvents {
    async fn apply(&self, tx: &mut Tx, event: &Event) -> Result<After, Refused> {
        let user = UserId::from(event.subject);
        let ending = match &event.data {
            EventData::ClientDeleted(_) => Ending::Client(event.subject.into()),
            EventData::UserSessionEnded(ended) => Ending::SignIn(ended.session_id),
            EventData::UserSessionsEnded(ended) => Ending::Below(user, ended.version),
            EventData::UserDeactivated(ended) => Ending::Below(user, ended.version),
            EventData::UserRolesChanged(changed) => Ending::OthersBelow(user, changed.version),
            _ => return Ok(After::nothing()),
        };
        let ended = self.streams.end_by(tx, ending).await?;
        let teaches_no_more = match &event.data {
            EventData::UserRolesChanged(changed) => !changed.roles.may_teach(),
            _ => false,
        };
        if teaches_no_more || matches!(ending, Ending::Below(..)) {
            return Ok(ended.and(self.uploads.revoke_keys(tx, user, event.time).await?));
        }
        Ok(ended)
    }
}
