//! The questions that services ask each other: the answering service implements a trait, and composition hands it to the
//! asking one.

pub mod live;

use crate::timestamp::micros;
use crate::{ClientId, CourseId, EventData, Roles, SessionId, Timestamp, UserId, VideoId, is_enough};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use uuid::Uuid;

/// The answering service can't answer at the moment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unanswered(pub String);

/// A person as other services know them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The account.
    pub id: UserId,
    /// The name that other people see.
    pub name: String,
    /// The platform-wide roles.
    pub roles: Roles,
    /// Whether the account is not deactivated.
    pub is_active: bool,
}

/// What is known of an e-mail address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Addressee {
    /// An active account has it.
    Person(UserId),
    /// No active account has it.
    NoAccount,
    /// It is no e-mail address.
    NoAddress,
}

/// Answers questions about people; the users' service does.
#[async_trait]
pub trait Directory: Send + Sync {
    /// Who has these addresses.
    ///
    /// Shape: one answer for each address, in their order
    async fn at_addresses(&self, addresses: &[String]) -> Result<Vec<Addressee>, Unanswered>;

    /// The people with these ids, in any order; unknown ids are left out.
    async fn people(&self, ids: &[UserId]) -> Result<Vec<Person>, Unanswered>;
}

/// A person as a token of another issuer names them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExternalIdentity {
    /// The exact `iss`.
    pub issuer: String,
    /// The `sub`, which the issuer gives to nobody else.
    pub subject: String,
    /// When the token was issued.
    pub issued_at: Timestamp,
    /// When the person last signed in there, if the issuer says so.
    pub auth_time: Option<Timestamp>,
    /// The e-mail address, if the issuer has verified it.
    pub email: Option<String>,
    /// The name that other people see.
    pub name: Option<String>,
    /// The roles here that the configuration maps the issuer's claims to; none if it maps nothing.
    pub roles: Option<Roles>,
}

/// The account of a person who comes with a token of another issuer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalAccount {
    /// The account.
    pub user_id: UserId,
    /// The sign-in that the person's tokens of that issuer belong to; a logout ends it.
    pub session_id: SessionId,
    /// The platform-wide roles.
    pub roles: Roles,
    /// The account's version.
    pub version: i64,
}

/// Answers who the people of other issuers are here; the users' service does.
#[async_trait]
pub trait Identities: Send + Sync {
    /// The account of an identity, which is made at first sight. None if the account is deactivated, or has signed out
    /// since the token was issued.
    async fn account_of(&self, identity: &ExternalIdentity) -> Result<Option<LocalAccount>, Unanswered>;
}

/// Which access tokens are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusedTokens {
    /// The tokens of one sign-in.
    Session(SessionId),
    /// A user's tokens below a version.
    Below(UserId, i64),
    /// The tokens of a client.
    Client(ClientId),
    /// One token of a client, by its id.
    Token(Uuid),
}

/// A rule that refuses access tokens before they expire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Which tokens.
    pub refused: RefusedTokens,
    /// When the last of them has expired.
    pub until: Timestamp,
}

/// Answers which access tokens are refused; the users' service does.
#[async_trait]
pub trait Refusals: Send + Sync {
    /// The rules in force that were written after a moment.
    ///
    /// A rule may appear with a time that is some seconds older than its commit.
    async fn written_after(&self, since: Timestamp) -> Result<Vec<Refusal>, Unanswered>;
}

/// A lecture as other services know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lecture {
    /// The video.
    pub id: VideoId,
    /// Its title.
    pub title: String,
    /// Its status, as its details show it.
    pub status: String,
    /// Whether it can be watched.
    pub is_playable: bool,
    /// How long it lasts, if that is known.
    pub duration: Option<Duration>,
    /// When a live lecture that has not begun is to begin, if that was announced.
    #[serde(default)]
    pub starts_at: Option<Timestamp>,
    /// Whether the person who is asked about may administer it.
    pub is_administered: bool,
}

/// Answers questions about lectures; the content service does.
#[async_trait]
pub trait Lectures: Send + Sync {
    /// These lectures, and whether a user (an admin or not) may administer them; in any order, without those that don't
    /// exist or were deleted.
    async fn lectures(&self, ids: &[VideoId], user: UserId, is_admin: bool) -> Result<Vec<Lecture>, Unanswered>;

    /// All lectures that are live now, which are few at any time; of more than a thousand, the latest.
    async fn live(&self) -> Result<Vec<VideoId>, Unanswered>;
}

/// A place in the order in which courses and memberships have changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangePosition {
    /// When an aggregate last changed.
    #[serde(with = "micros")]
    pub at: Timestamp,
    /// The aggregate.
    pub id: Uuid,
}

/// A part of the courses that have changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// The courses, each with the number of its last event.
    pub courses: Vec<(CourseId, i64)>,
    /// Where the next part begins; none if nothing more has changed.
    pub next: Option<ChangePosition>,
}

/// What a course has become since one of its events, in parts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CourseHistory {
    /// The last events of members who have changed, in any order; in the last part also the course's own, at the end.
    pub events: Vec<EventData>,
    /// The number of the event up to which this part goes.
    pub sequence: i64,
    /// Whether it is the last part. All parts together are the course as it was at the event of the last part's number.
    pub is_last: bool,
}

/// Answers questions about courses and their members; course-management does.
#[async_trait]
pub trait Courses: Send + Sync {
    /// The courses that have changed after this position, themselves or by a member.
    ///
    /// A change may appear with a time that is some seconds older than its commit.
    async fn changed_after(&self, position: ChangePosition) -> Result<Changes, Unanswered>;

    /// What has become of a course since the event of this number; from its beginning with the least number. None if the course
    /// never was.
    async fn history(&self, course: CourseId, after: i64) -> Result<Option<CourseHistory>, Unanswered>;
}

/// How far somebody has watched a lecture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watched {
    /// Who.
    pub user: UserId,
    /// The video.
    pub video: VideoId,
    /// Where they stopped last.
    pub position: Duration,
    /// How much of it they have seen; what they saw twice counts once.
    pub seen: Duration,
    /// How long the lecture lasts; none if that is not known, or if the answer comes from a program before this field.
    #[serde(default)]
    pub duration: Option<Duration>,
    /// Whether they have seen so much of it that it counts as completed outside of courses, once and for all.
    pub is_completed: bool,
    /// When they watched last.
    pub watched_at: Timestamp,
}

impl Watched {
    /// Whether they have seen this share of the lecture; what counts outside of courses if its length is not known.
    #[must_use]
    pub fn is_completed_by(&self, share: f64) -> bool {
        self.duration
            .map_or(self.is_completed, |duration| is_enough(self.seen, duration, share))
    }
}

/// Answers questions about what people have watched; the content service does.
#[async_trait]
pub trait Watching: Send + Sync {
    /// How far each of these people has watched each of these lectures, in any order, without what they have never
    /// watched.
    async fn watched(&self, users: &[UserId], videos: &[VideoId]) -> Result<Vec<Watched>, Unanswered>;
}
