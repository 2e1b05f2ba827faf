//! Keeps courses up to date with what happens to people and lectures.

use crate::repositories::enrolments::member_repository::{restore, suspend};
use crate::repositories::outline::item_repository::mark_deleted;
use crate::repositories::rows::NotDone;
use async_trait::async_trait;
use backing::bus::{After, Handler, Refused, Subscription};
use backing::{Clock, Db, Tx};
use contracts::events::{CONTENT_TOPIC, USERS_TOPIC};
use contracts::{Event, EventData, UserId, VideoId};
use std::sync::Arc;

/// The group whose inbox remembers which events were handled.
const GROUP: &str = "courses";

/// Handles the events of `moocflix.users` and `moocflix.content`.
struct FollowedEvents {
    clock: Clock,
}

/// The group's subscription, with its effects in this service's schema.
pub(crate) fn subscription(db: Db, clock: Clock) -> Subscription {
    Subscription {
        group: GROUP,
        topics: &[USERS_TOPIC, CONTENT_TOPIC],
        db,
        clock: clock.clone(),
        handler: Arc::new(FollowedEvents { clock }),
    }
}

#[async_trait]
impl Handler for FollowedEvents {
    /// Two events of different people would hold the histories of their courses in any order.
    fn is_alone(&self) -> bool {
        true
    }

    async fn apply(&self, tx: &mut Tx, event: &Event) -> Result<After, Refused> {
        let now = self.clock.now();
        match &event.data {
            EventData::UserDeactivated(_) => suspend(tx, UserId::from(event.subject), event.sequence, now).await?,
            EventData::UserReactivated(_) => restore(tx, UserId::from(event.subject), event.sequence, now).await?,
            EventData::VideoDeleted(_) => {
                let marked = mark_deleted(tx, VideoId::from(event.subject), now).await;
                marked.map_err(|error| match error {
                    NotDone::Db(error) => Refused::from(error),
                    other => Refused::Later(other.to_string()),
                })?;
            }
            _ => {}
        }
        Ok(After::nothing())
    }
}
