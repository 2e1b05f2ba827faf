//! Who a valid access token speaks for.

use contracts::questions::live::Bearer;
use contracts::{ClientId, Role, Roles, SessionId, Timestamp, UserId};
use uuid::Uuid;

/// Who makes a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// A person who has signed in.
    User(Caller),
    /// Another service, which acts for itself.
    Client {
        /// Its id.
        id: ClientId,
        /// The id of its token, by which that can be revoked.
        token: Uuid,
        /// What it may do.
        scopes: Scopes,
    },
}

/// The person behind a request, as their access token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The account.
    pub user_id: UserId,
    /// The sign-in that the token belongs to.
    pub session_id: SessionId,
    /// What they may do.
    pub roles: Roles,
    /// When they last gave their password.
    pub auth_time: Timestamp,
    /// The account's version when the token was made.
    pub version: i64,
}

impl Caller {
    /// Whether the caller is an admin.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.roles.has(Role::Admin)
    }
}

impl From<&Caller> for Bearer {
    fn from(caller: &Caller) -> Self {
        Self {
            user: caller.user_id,
            session: caller.session_id,
            roles: caller.roles.clone(),
            version: caller.version,
        }
    }
}

impl From<&Bearer> for Caller {
    /// The caller as far as a bearer says: when they last gave their password is not known.
    fn from(bearer: &Bearer) -> Self {
        Self {
            user_id: bearer.user,
            session_id: bearer.session,
            roles: bearer.roles.clone(),
            auth_time: Timestamp::from_seconds(0),
            version: bearer.version,
        }
    }
}

/// The scopes of a client's token.
///
/// Shape: words with a space between two of them
/// Source: RFC 6749 §3.3
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scopes(pub String);

impl Scopes {
    /// Whether this scope is among them.
    #[must_use]
    pub fn has(&self, scope: &str) -> bool {
        self.0.split(' ').any(|it| it == scope)
    }
}
