//! What the services tell each other afterwards: CloudEvents 1.0 in JSON.
//!
//! A repository writes a [`NewEvent`] into the outbox in the transaction of its change; the relay
//! gives it a sequence number per aggregate and publishes it. Consumers keep the event's id, so
//! that an effect happens once.
//!
//! Source: CloudEvents 1.0.2, JSON event format

use crate::{EventId, Roles, SessionId, Timestamp, UserId, VideoId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Topic of user-management's events.
pub const USERS_TOPIC: &str = "moocflix.users";
/// Topic of content-delivery's events.
pub const CONTENT_TOPIC: &str = "moocflix.content";

/// An event as it travels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Always `1.0`.
    pub specversion: String,
    /// The event's own id.
    pub id: EventId,
    /// Who tells: `/moocflix/users`, `/moocflix/content`.
    pub source: String,
    /// The kind of event with its data.
    #[serde(flatten)]
    pub data: EventData,
    /// The id of the aggregate (user, video) that it is about; the key that keeps order.
    pub subject: Uuid,
    /// When the change was made.
    pub time: Timestamp,
    /// Always `application/json`.
    pub datacontenttype: String,
    /// Counts the events of one aggregate from 1, without gaps.
    pub sequence: i64,
}

/// An event that is about to be written into an outbox.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    /// The aggregate that it is about.
    pub subject: Uuid,
    /// What happened.
    pub data: EventData,
}

impl NewEvent {
    /// An event about a user.
    #[must_use]
    pub fn of_user(user: UserId, data: EventData) -> Self {
        Self { subject: user.0, data }
    }

    /// An event about a video.
    #[must_use]
    pub fn of_video(video: VideoId, data: EventData) -> Self {
        Self { subject: video.0, data }
    }

    /// Gives the event its place in its aggregate's history.
    #[must_use]
    pub fn published(self, id: EventId, time: Timestamp, sequence: i64) -> Event {
        Event {
            specversion: "1.0".to_owned(),
            id,
            source: self.data.topic().replace("moocflix.", "/moocflix/"),
            subject: self.subject,
            time,
            datacontenttype: "application/json".to_owned(),
            sequence,
            data: self.data,
        }
    }
}

macro_rules! event_data {
    ($($(#[$doc:meta])* $variant:ident = $kind:literal on $topic:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty),* $(,)? })*) => {
        /// Every kind of event with its data.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "type", content = "data")]
        pub enum EventData {
            $($(#[$doc])* #[serde(rename = $kind)] $variant($variant),)*
        }

        $($(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
        pub struct $variant { $($(#[$field_doc])* pub $field: $type),* }

        impl From<$variant> for EventData {
            fn from(data: $variant) -> Self {
                Self::$variant(data)
            }
        })*

        impl EventData {
            /// The event's type, as CloudEvents names it.
            #[must_use]
            pub const fn kind(&self) -> &'static str {
                match self { $(Self::$variant(_) => $kind,)* }
            }

            /// The topic that carries it.
            #[must_use]
            pub const fn topic(&self) -> &'static str {
                match self { $(Self::$variant(_) => $topic,)* }
            }
        }

        /// The JSON schema of each event's data, by the event's type.
        #[must_use]
        pub fn schemas() -> Vec<(&'static str, utoipa::openapi::RefOr<utoipa::openapi::schema::Schema>)> {
            vec![$(($kind, <$variant as utoipa::PartialSchema>::schema()),)*]
        }
    };
}

event_data! {
    /// Somebody signed up, or an account was made on the machine.
    UserRegistered = "moocflix.users.user.registered" on USERS_TOPIC {
        /// Their roles at the start.
        roles: Roles,
    }
    /// A profile changed; the data tells nothing personal.
    UserUpdated = "moocflix.users.user.updated" on USERS_TOPIC {
        /// The names of the fields that changed.
        fields: Vec<String>,
    }
    /// An admin gave somebody other roles.
    UserRolesChanged = "moocflix.users.user.roles_changed" on USERS_TOPIC {
        /// All roles from now on.
        roles: Roles,
        /// Access tokens below this version are refused.
        version: i64,
    }
    /// An account was deactivated; everything of its sign-ins ends at once.
    UserDeactivated = "moocflix.users.user.deactivated" on USERS_TOPIC {
        /// Access tokens below this version are refused.
        version: i64,
    }
    /// A deactivated account was taken up again.
    UserReactivated = "moocflix.users.user.reactivated" on USERS_TOPIC {
        /// Access tokens below this version are refused.
        version: i64,
    }
    /// One sign-in ended: logout, or a refresh token was used twice.
    UserSessionEnded = "moocflix.users.user.session_ended" on USERS_TOPIC {
        /// The sign-in that ended.
        session_id: SessionId,
    }
    /// All sign-ins of a user ended: logout everywhere, or a new password.
    UserSessionsEnded = "moocflix.users.user.sessions_ended" on USERS_TOPIC {
        /// Access tokens below this version are refused.
        version: i64,
    }
    /// An upload began.
    VideoCreated = "moocflix.content.video.created" on CONTENT_TOPIC {
        /// Whose video it is.
        owner_id: UserId,
    }
    /// The last byte of an upload is stored.
    VideoUploaded = "moocflix.content.video.uploaded" on CONTENT_TOPIC {
        /// Whose video it is.
        owner_id: UserId,
        /// The source's size in bytes.
        bytes: i64,
    }
    /// A video can be watched from its first second.
    VideoPlayable = "moocflix.content.video.playable" on CONTENT_TOPIC {
        /// Whose video it is.
        owner_id: UserId,
        /// The duration in seconds.
        duration: f64,
    }
    /// Every promised rendition of a video is complete.
    VideoReady = "moocflix.content.video.ready" on CONTENT_TOPIC {
        /// Whose video it is.
        owner_id: UserId,
    }
    /// A source can't be cut as it is and waits for a transcoder.
    VideoNeedsTranscoding = "moocflix.content.video.needs_transcoding" on CONTENT_TOPIC {
        /// Whose video it is.
        owner_id: UserId,
        /// Why it can't be cut, a stable code.
        obstacle: String,
    }
    /// Somebody asked for a video's renditions: what failed is tried again, or all is made anew.
    VideoTranscodeRequested = "moocflix.content.video.transcode_requested" on CONTENT_TOPIC {
        /// Whose video it is.
        owner_id: UserId,
    }
    /// A source can't be made playable at all.
    VideoFailed = "moocflix.content.video.failed" on CONTENT_TOPIC {
        /// Whose video it is.
        owner_id: UserId,
        /// Why, a stable code.
        reason: String,
    }
    /// A title or description changed.
    VideoUpdated = "moocflix.content.video.updated" on CONTENT_TOPIC {
        /// Whose video it is.
        owner_id: UserId,
    }
    /// A video was deleted; from now on no byte of it is served.
    VideoDeleted = "moocflix.content.video.deleted" on CONTENT_TOPIC {
        /// Whose video it was.
        owner_id: UserId,
        /// Playback tokens below this policy version are refused.
        policy_version: i64,
    }
    /// An admin opened the stream of somebody else's video.
    VideoStreamedByAdmin = "moocflix.content.video.streamed_by_admin" on CONTENT_TOPIC {
        /// Whose video it is.
        owner_id: UserId,
        /// Who opened it.
        admin_id: UserId,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_travels_as_a_cloud_event() {
        let user = UserId::generate();
        let data = UserDeactivated { version: 3 };
        let event = NewEvent::of_user(user, data.into()).published(EventId::generate(), Timestamp::from_seconds(1), 7);
        let json = serde_json::to_value(&event).unwrap();
        assert_eq!(json["specversion"], "1.0");
        assert_eq!(json["type"], "moocflix.users.user.deactivated");
        assert_eq!(json["source"], "/moocflix/users");
        assert_eq!(json["subject"], user.to_string());
        assert_eq!(json["data"]["version"], 3);
        assert_eq!(json["sequence"], 7);
        assert_eq!(serde_json::from_value::<Event>(json).unwrap(), event);
    }

    #[test]
    fn every_kind_of_event_is_on_the_topic_that_its_name_says() {
        for (kind, _) in schemas() {
            assert!(
                kind.starts_with(USERS_TOPIC) || kind.starts_with(CONTENT_TOPIC),
                "{kind}"
            );
        }
    }
}
