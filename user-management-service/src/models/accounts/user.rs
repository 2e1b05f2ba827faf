//! A person with an account.

use super::email::EmailAddress;
use contracts::{Roles, Timestamp, UserId};

/// A stored account.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// The account's id.
    pub id: UserId,
    /// The address as its owner wrote it.
    pub email: String,
    /// The name that other people see.
    pub name: String,
    /// A text about the person.
    pub bio: Option<String>,
    /// The language of the page.
    pub locale: Option<String>,
    /// The platform-wide roles.
    pub roles: Roles,
    /// The password's hash, a PHC string.
    pub password_hash: String,
    /// Whether the owner has confirmed the address.
    pub email_verified: bool,
    /// Access tokens of a lower version are refused.
    pub version: i64,
    /// Counts the changes of the account; the profile's `ETag`.
    pub revision: i64,
    /// When the account was created.
    pub created_at: Timestamp,
    /// When the account last changed.
    pub updated_at: Timestamp,
    /// When the account was deactivated, if it is.
    pub deactivated_at: Option<Timestamp>,
}

impl std::fmt::Debug for User {
    /// Leaves out the password's hash.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User")
            .field("id", &self.id)
            .field("roles", &self.roles)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// An account to store.
#[derive(Clone)]
pub struct NewUser {
    /// The account's id.
    pub id: UserId,
    /// The e-mail address.
    pub email: EmailAddress,
    /// The name that other people see.
    pub name: String,
    /// The first roles.
    pub roles: Roles,
    /// The password's hash, a PHC string.
    pub password_hash: String,
}
