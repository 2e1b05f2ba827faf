//! Who changes somebody's account.

use contracts::UserId;

/// Who acts on an account, for the audit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The account; none for a command on the machine.
    pub user: Option<UserId>,
    /// The id of the request; none for a command on the machine.
    pub request: Option<String>,
}

impl Actor {
    /// The caller of a request.
    #[must_use]
    pub fn of_request(user: UserId, request: &str) -> Self {
        Self {
            user: Some(user),
            request: Some(request.to_owned()),
        }
    }

    /// A command on the machine, which no account stands behind.
    #[must_use]
    pub const fn machine() -> Self {
        Self {
            user: None,
            request: None,
        }
    }
}
