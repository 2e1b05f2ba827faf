//! The events between services: CloudEvents 1.0 in JSON.
//!
//! A repository writes a [`NewEvent`] into the outbox in the transaction of its change, which numbers the events of
//! each aggregate; the relay publishes it as bytes. Consumers keep the event's id, so that an effect happens once.
//! A node reads the kinds that it knows and skips the others, so that nodes of two versions can work together.
//!
//! Source: CloudEvents 1.0.2, JSON event format

use crate::{
    ClientId, CourseAccess, CourseId, CourseRole, CourseStatus, EventId, ItemId, ModuleId, Roles, SessionId, Timestamp,
    UserId, VideoId,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Topic of user-management's events.
pub const USERS_TOPIC: &str = "moocflix.users";
/// Topic of content-delivery's events.
pub const CONTENT_TOPIC: &str = "moocflix.content";
/// Topic of course-management's events.
pub const COURSES_TOPIC: &str = "moocflix.courses";
/// Every topic.
pub const TOPICS: &[&str] = &[USERS_TOPIC, CONTENT_TOPIC, COURSES_TOPIC];

/// An event as it travels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Always `1.0`.
    pub specversion: String,
    /// The event's own id.
    pub id: EventId,
    /// The service that reports it: `/moocflix/users`, `/moocflix/content`, `/moocflix/courses`.
    pub source: String,
    /// The kind of event with its data.
    #[serde(flatten)]
    pub data: EventData,
    /// The id of its aggregate (user, client, video, course), which is also the key that keeps events in order.
    pub subject: Uuid,
    /// When the change was made.
    pub time: Timestamp,
    /// Always `application/json`.
    pub datacontenttype: String,
    /// Counts the events of one aggregate from 1, without gaps.
    pub sequence: i64,
}

/// An event as a node reads it.
#[derive(Debug, Clone, PartialEq)]
pub enum Received {
    /// A kind that this version knows.
    Known(Event),
    /// The name of a kind that only another version knows.
    Unknown(String),
}

impl Event {
    /// Reads an event's JSON.
    ///
    /// Errors: bytes that are no event, or data that does not fit a known kind
    pub fn read(json: &[u8]) -> Result<Received, serde_json::Error> {
        let envelope = Envelope::read(json)?;
        if EventData::KINDS.contains(&envelope.kind.as_str()) {
            serde_json::from_slice(json).map(Received::Known)
        } else {
            Ok(Received::Unknown(envelope.kind))
        }
    }
}

/// The fields that events of all kinds share.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Envelope {
    /// The event's own id.
    pub id: EventId,
    /// The service that reports it.
    pub source: String,
    /// The event's type.
    #[serde(rename = "type")]
    pub kind: String,
}

impl Envelope {
    /// Reads an event's JSON without its data.
    ///
    /// Errors: bytes that are no event
    pub fn read(json: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(json)
    }

    /// The topic that carries the event.
    #[must_use]
    pub fn topic(&self) -> String {
        self.source.trim_start_matches('/').replace('/', ".")
    }
}

/// An event to write to an outbox.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    /// The aggregate.
    pub subject: Uuid,
    /// The kind of event with its data.
    pub data: EventData,
}

impl NewEvent {
    /// An event about a user.
    #[must_use]
    pub fn of_user(user: UserId, data: EventData) -> Self {
        Self { subject: user.0, data }
    }

    /// An event about a client.
    #[must_use]
    pub fn of_client(client: ClientId, data: EventData) -> Self {
        Self {
            subject: client.0,
            data,
        }
    }

    /// An event about a video.
    #[must_use]
    pub fn of_video(video: VideoId, data: EventData) -> Self {
        Self { subject: video.0, data }
    }

    /// An event about a course or one of its members, who are a part of it.
    #[must_use]
    pub fn of_course(course: CourseId, data: EventData) -> Self {
        Self {
            subject: course.0,
            data,
        }
    }

    /// Gives the event its number in its aggregate's history.
    #[must_use]
    pub fn published(self, id: EventId, time: Timestamp, sequence: i64) -> Event {
        Event {
            specversion: "1.0".to_owned(),
            id,
            source: format!("/{}", self.data.topic().replace('.', "/")),
            subject: self.subject,
            time,
            datacontenttype: "application/json".to_owned(),
            sequence,
            data: self.data,
        }
    }
}

/// A module of a course, as the course's events describe it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CourseModule {
    /// The module.
    pub id: ModuleId,
    /// When learners may watch it; null if they may as soon as the course is open.
    pub opens_at: Option<Timestamp>,
    /// Its items in their order, without those whose content was deleted.
    pub items: Vec<CourseItem>,
}

/// An item of a module, as the course's events describe it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CourseItem {
    /// The item.
    pub id: ItemId,
    /// What it is, such as `video`; consumers ignore items of kinds that they don't know.
    pub kind: String,
    /// The id of its content; of a video, the video's.
    pub content_id: Uuid,
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
            /// The type of each kind.
            pub const KINDS: &[&str] = &[$($kind,)*];

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
    /// A profile changed; the data holds nothing personal.
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
    /// A deactivated account was reactivated.
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
    /// A client was deleted; everything that it has opened ends at once.
    ClientDeleted = "moocflix.users.client.deleted" on USERS_TOPIC {}
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
    /// A live lecture has begun.
    VideoLive = "moocflix.content.video.live" on CONTENT_TOPIC {
        /// Whose video it is.
        owner_id: UserId,
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
    /// Somebody asked for a video's renditions: failed ones are encoded again, or all of them are.
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
    /// A course was created or has changed; the data is all of it that decides who may watch what, and when.
    CourseChanged = "moocflix.courses.course.changed" on COURSES_TOPIC {
        /// Whose course it is.
        owner_id: UserId,
        /// Its status.
        status: CourseStatus,
        /// Who may watch while it is published.
        access: CourseAccess,
        /// When it opens; null if it is open as soon as it is published.
        opens_at: Option<Timestamp>,
        /// When it ends; null if it doesn't.
        ends_at: Option<Timestamp>,
        /// Its modules in their order.
        modules: Vec<CourseModule>,
    }
    /// A course was deleted, with all its enrolments.
    CourseDeleted = "moocflix.courses.course.deleted" on COURSES_TOPIC {
        /// Whose course it was.
        owner_id: UserId,
    }
    /// Somebody is a member of a course from now on, or has another role in it.
    EnrolmentChanged = "moocflix.courses.enrolment.changed" on COURSES_TOPIC {
        /// The course.
        course_id: CourseId,
        /// The member.
        user_id: UserId,
        /// The member's role.
        role: CourseRole,
    }
    /// Somebody is no longer a member of a course: they left, were removed, or their account was deactivated.
    EnrolmentEnded = "moocflix.courses.enrolment.ended" on COURSES_TOPIC {
        /// The course.
        course_id: CourseId,
        /// Who was a member.
        user_id: UserId,
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
        let bytes = serde_json::to_vec(&event).unwrap();
        assert_eq!(Event::read(&bytes).unwrap(), Received::Known(event.clone()));
        let envelope = Envelope::read(&bytes).unwrap();
        assert_eq!((envelope.id, envelope.topic().as_str()), (event.id, USERS_TOPIC));
    }

    #[test]
    fn a_kind_of_a_newer_version_is_unknown_and_a_known_kind_with_other_data_is_an_error() {
        let newer = br#"{"specversion": "1.0", "id": "0197a5c0-0000-7000-8000-000000000001", "source": "/moocflix/users",
            "type": "moocflix.users.user.promoted", "subject": "0197a5c0-0000-7000-8000-000000000002", "data": {"to": 1}}"#;
        let kind = "moocflix.users.user.promoted".to_owned();
        assert_eq!(Event::read(newer).unwrap(), Received::Unknown(kind));
        assert_eq!(Envelope::read(newer).unwrap().topic(), USERS_TOPIC);
        let other = String::from_utf8_lossy(newer).replace("promoted", "deactivated");
        assert!(Event::read(other.as_bytes()).is_err());
        assert!(Event::read(b"no event").is_err());
    }

    #[test]
    fn every_kind_of_event_is_on_the_topic_in_its_name() {
        for (kind, _) in schemas() {
            assert!(TOPICS.iter().any(|topic| kind.starts_with(topic)), "{kind}");
        }
    }
}
