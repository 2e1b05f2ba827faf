//! The questions of [`crate::questions`] as they travel between processes: JSON documents, each with its address at the
//! answering service.
//!
//! A gateway never leads to these addresses. Nodes of two versions talk to each other while an installation is updated, so
//! fields are only added, with a default.

use crate::questions::live::{LiveFile, PublishAsked, PublishGrant, Refused, Reload, Watch, WatchAsked, WatchGrant};
use crate::questions::{
    Addressee, ChangePosition, Changes, CourseHistory, ExternalIdentity, Lecture, LocalAccount, Person, Refusal,
    Watched,
};
use crate::timestamp::micros;
use crate::{CourseId, Timestamp, UserId, VideoId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// What the addresses of all questions begin with.
pub const PREFIX: &str = "/internal/";

/// A question with the parameters of a trait's method.
pub trait Question: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Its path at the answering service.
    const PATH: &'static str;
    /// The roles that may ask it.
    const ASKERS: &'static [&'static str];
    /// What answers it.
    type Answer: Serialize + DeserializeOwned + Send + 'static;
}

macro_rules! questions {
    ($($(#[$doc:meta])* $name:ident at $path:literal by $askers:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty),* $(,)? } -> $answer:ty;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        pub struct $name { $($(#[$field_doc])* pub $field: $type),* }

        impl Question for $name {
            const PATH: &'static str = $path;
            const ASKERS: &'static [&'static str] = $askers;
            type Answer = $answer;
        }
    )*};
}

/// Whoever checks access tokens.
const ALL: &[&str] = &["courses", "content", "live", "transcode", "web"];
const COURSES: &[&str] = &["courses"];
const CONTENT: &[&str] = &["content"];
const LIVE: &[&str] = &["live"];
const BOTH: &[&str] = &["courses", "content"];

questions! {
    /// `Directory::at_addresses`
    AddressesAsked at "/internal/v1/users/addresses" by BOTH {
        /// The addresses.
        addresses: Vec<String>,
    } -> Vec<Addressee>;

    /// `Directory::people`
    PeopleAsked at "/internal/v1/users/people" by BOTH {
        /// Their ids.
        ids: Vec<UserId>,
    } -> Vec<Person>;

    /// `Identities::account_of`
    AccountAsked at "/internal/v1/users/account" by ALL {
        /// Whose account.
        identity: ExternalIdentity,
    } -> Option<LocalAccount>;

    /// `Refusals::written_after`
    RefusalsAsked at "/internal/v1/users/refusals" by ALL {
        /// The moment.
        #[serde(with = "micros")]
        since: Timestamp,
    } -> Vec<Refusal>;

    /// `Lectures::lectures`
    LecturesAsked at "/internal/v1/content/lectures" by COURSES {
        /// Their ids.
        ids: Vec<VideoId>,
        /// Who may administer them or not.
        user: UserId,
        /// Whether that user is an admin.
        is_admin: bool,
    } -> Vec<Lecture>;

    /// `Lectures::live`
    LiveAsked at "/internal/v1/content/live" by COURSES {} -> Vec<VideoId>;

    /// `Watching::watched`
    WatchedAsked at "/internal/v1/content/watched" by COURSES {
        /// Who.
        users: Vec<UserId>,
        /// What.
        videos: Vec<VideoId>,
    } -> Vec<Watched>;

    /// `Courses::changed_after`
    ChangesAsked at "/internal/v1/courses/changes" by CONTENT {
        /// After what.
        position: ChangePosition,
    } -> Changes;

    /// `Courses::history`
    HistoryAsked at "/internal/v1/courses/history" by CONTENT {
        /// The course.
        course: CourseId,
        /// The number of the event after which it begins.
        after: i64,
    } -> Option<CourseHistory>;

    /// `LiveMedia::read`, asked of the node that holds the lecture; the answer is the file as it is, or a status without one.
    LiveFileAsked at "/internal/v1/live/file" by CONTENT {
        /// The lecture.
        video: VideoId,
        /// The file.
        file: LiveFile,
        /// What the player waits for.
        reload: Reload,
    } -> ();

    /// `LiveDoor::publish`
    MayPublishAsked at "/internal/v1/content/live/publish" by LIVE {
        /// Who, and what.
        asked: PublishAsked,
    } -> Result<PublishGrant, Refused>;

    /// `LiveDoor::withdrawn`
    WithdrawnAsked at "/internal/v1/content/live/withdrawn" by LIVE {
        /// The rights of those who publish.
        grants: Vec<PublishGrant>,
    } -> Vec<usize>;

    /// `LiveDoor::watch`
    MayWatchAsked at "/internal/v1/content/live/watch" by LIVE {
        /// Who, and what.
        asked: WatchAsked,
    } -> Result<WatchGrant, Refused>;

    /// `LiveDoor::living`
    LivingAsked at "/internal/v1/content/live/living" by LIVE {
        /// The playback sessions.
        watches: Vec<Watch>,
    } -> Vec<usize>;

    /// `LiveDoor::leave`
    LeaveAsked at "/internal/v1/content/live/leave" by LIVE {
        /// The playback session.
        watch: Watch,
    } -> ();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RenditionName;
    use crate::events::EnrolmentEnded;
    use crate::questions::RefusedTokens;
    use std::fmt::Debug;
    use std::time::Duration;
    use uuid::Uuid;

    fn travels<T: Serialize + DeserializeOwned + PartialEq + Debug>(document: &T) {
        let text = serde_json::to_string(document).unwrap();
        assert_eq!(serde_json::from_str::<T>(&text).unwrap(), *document, "{text}");
    }

    #[test]
    fn questions_and_answers_arrive_as_they_were_sent() {
        let (course_id, user_id) = (CourseId::generate(), UserId::generate());
        // before anything was read, the position lies before the epoch
        let position = ChangePosition {
            at: Timestamp(-60_000_000),
            id: Uuid::nil(),
        };
        travels(&ChangesAsked { position });
        travels(&RefusalsAsked {
            since: Timestamp(i64::MIN),
        });
        travels(&Changes {
            courses: vec![(course_id, 3)],
            next: Some(position),
        });
        travels(&HistoryAsked {
            course: course_id,
            after: i64::MIN,
        });
        travels(&Some(CourseHistory {
            events: vec![EnrolmentEnded { course_id, user_id }.into()],
            sequence: 3,
            is_last: true,
        }));
        travels(&vec![
            Addressee::Person(user_id),
            Addressee::NoAccount,
            Addressee::NoAddress,
        ]);
        travels(&vec![
            Refusal {
                refused: RefusedTokens::Below(user_id, 3),
                until: Timestamp::from_seconds(9),
            },
            Refusal {
                refused: RefusedTokens::Token(Uuid::from_u128(1)),
                until: Timestamp::from_seconds(9),
            },
        ]);
        travels(&None::<LocalAccount>);
        travels(&LiveAsked {});
        travels(&vec![Lecture {
            id: VideoId::generate(),
            title: "Graphs".to_owned(),
            status: "scheduled".to_owned(),
            is_playable: false,
            duration: None,
            starts_at: Some(Timestamp::from_seconds(9)),
            is_administered: true,
        }]);
        travels(&Err::<PublishGrant, _>(Refused::NotEntitled));
        let name = RenditionName::parse("live-h").unwrap();
        travels(&LiveFileAsked {
            video: VideoId::generate(),
            file: LiveFile::Part(name, 7, 2),
            reload: Reload {
                sequence: Some(7),
                part: None,
                skip: true,
            },
        });
    }

    #[test]
    fn the_share_of_a_course_decides_and_an_answer_without_a_length_is_taken_as_it_is() {
        let watched = Watched {
            user: UserId::generate(),
            video: VideoId::generate(),
            position: Duration::from_millis(1_500),
            seen: Duration::from_secs(54),
            duration: Some(Duration::from_secs(60)),
            is_completed: true,
            watched_at: Timestamp::from_seconds(9),
        };
        travels(&watched);
        assert!(watched.is_completed_by(0.9) && !watched.is_completed_by(0.91));
        // a program of the version before answers
        let mut before = serde_json::to_value(&watched).unwrap();
        before.as_object_mut().unwrap().remove("duration");
        let mut before: Watched = serde_json::from_value(before).unwrap();
        assert!(before.is_completed_by(1.0));
        before.is_completed = false;
        assert!(!before.is_completed_by(0.1));
    }
}
