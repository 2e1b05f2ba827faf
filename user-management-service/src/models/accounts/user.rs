//! A person with an account.

use contracts::{Roles, Timestamp, UserId};
use passwords::email::EmailAddress;

/// A stored account.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// The account's id.
    pub id: UserId,
    /// The address as its owner wrote it; people of other issuers may have none.
    pub email: Option<String>,
    /// The name that other people see.
    pub name: String,
    /// A text about the person.
    pub bio: Option<String>,
    /// The language of the page.
    pub locale: Option<String>,
    /// The platform-wide roles.
    pub roles: Roles,
    /// The password's hash, a PHC string; people of other issuers have none.
    pub password_hash: Option<String>,
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

impl User {
    /// The key that the account is listed and found by.
    #[must_use]
    pub fn email_key(&self) -> String {
        email_key(self.id, self.email.as_deref())
    }
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
    /// The e-mail address, if there is one.
    pub email: Option<EmailAddress>,
    /// The name that other people see.
    pub name: String,
    /// The first roles.
    pub roles: Roles,
    /// The password's hash, a PHC string, if there is one.
    pub password_hash: Option<String>,
    /// Whether the address is known to be the person's own.
    pub email_verified: bool,
}

/// The key that an account is listed and found by: its address's, or one that no address has.
#[must_use]
pub fn email_key(id: UserId, email: Option<&str>) -> String {
    email.map_or_else(|| format!(":{id}"), str::to_ascii_lowercase)
}
