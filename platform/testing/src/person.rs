//! A signed-in user.

use contracts::{Role, SessionId, UserId};

/// A user with one sign-in, as an access token names both.
#[derive(Debug, Clone, Copy)]
pub struct Person {
    /// The user.
    pub id: UserId,
    /// The sign-in.
    pub session: SessionId,
    /// The user's only role.
    pub role: Role,
    /// The user's version: grows with each change that ends older tokens.
    pub version: i64,
}

impl Person {
    /// A new user.
    #[must_use]
    pub fn new(role: Role) -> Self {
        Self {
            id: UserId::generate(),
            session: SessionId::generate(),
            role,
            version: 1,
        }
    }

    /// A new user who may watch.
    #[must_use]
    pub fn learner() -> Self {
        Self::new(Role::Learner)
    }

    /// A new user who may upload.
    #[must_use]
    pub fn instructor() -> Self {
        Self::new(Role::Instructor)
    }

    /// A new user who may do everything.
    #[must_use]
    pub fn admin() -> Self {
        Self::new(Role::Admin)
    }

    /// The same user with another sign-in.
    #[must_use]
    pub fn on_another_device(&self) -> Self {
        Self {
            session: SessionId::generate(),
            ..*self
        }
    }
}
