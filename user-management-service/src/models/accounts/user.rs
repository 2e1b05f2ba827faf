//! A person with an account.

use super::email::EmailAddress;
use contracts::{Roles, Timestamp, UserId};

/// An account as it is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// The account's id.
    pub id: UserId,
    /// The address as its owner wrote it.
    pub email: String,
    /// The name that others see.
    pub name: String,
    /// A text about the person.
    pub bio: Option<String>,
    /// The language of the page.
    pub locale: Option<String>,
    /// The platform-wide roles.
    pub roles: Roles,
    /// The password's hash, a PHC string.
    pub password_hash: String,
    /// Whether the address was shown to be theirs.
    pub email_verified: bool,
    /// Access tokens below this version are refused.
    pub version: i64,
    /// Counts the changes; the profile's `ETag`.
    pub revision: i64,
    /// When the account was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it was deactivated, while it is.
    pub deactivated_at: Option<Timestamp>,
    /// What the sign-up's `Idempotency-Key` came to, if it had one.
    pub made_with: Option<Vec<u8>>,
}

impl std::fmt::Debug for User {
    /// Without the password's hash.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User")
            .field("id", &self.id)
            .field("roles", &self.roles)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// An account that is about to be made.
#[derive(Clone)]
pub struct NewUser {
    /// Its id.
    pub id: UserId,
    /// Its address.
    pub email: EmailAddress,
    /// The name that others see.
    pub name: String,
    /// The roles it starts with.
    pub roles: Roles,
    /// The password's hash, a PHC string.
    pub password_hash: String,
    /// What the sign-up's `Idempotency-Key` came to, if it had one.
    pub made_with: Option<Vec<u8>>,
}
