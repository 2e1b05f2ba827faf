//! The questions that services ask each other: the answering service implements a trait, and composition hands it to the
//! asking one.

use crate::{Roles, UserId, VideoId};
use async_trait::async_trait;

/// The answering service can't answer at the moment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unanswered(pub String);

/// A person as other services know them.
#[derive(Debug, Clone, PartialEq, Eq)]
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
#[derive(Debug, Clone, PartialEq, Eq)]
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

/// A lecture as other services know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lecture {
    /// The video.
    pub id: VideoId,
    /// Its title.
    pub title: String,
    /// Its status, as its details show it.
    pub status: String,
    /// Whether it can be watched.
    pub is_playable: bool,
    /// Whether the person who is asked about may administer it.
    pub is_administered: bool,
}

/// Answers questions about lectures; the content service does.
#[async_trait]
pub trait Lectures: Send + Sync {
    /// These lectures, and whether a user (an admin or not) may administer them; in any order, without those that don't
    /// exist or were deleted.
    async fn lectures(&self, ids: &[VideoId], user: UserId, is_admin: bool) -> Result<Vec<Lecture>, Unanswered>;
}
