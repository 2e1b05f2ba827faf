//! Access tokens that are refused before they expire.

use contracts::{ClientId, SessionId, Timestamp, UserId};
use uuid::Uuid;

/// A rule that refuses tokens; it is kept until the last of them has expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revocation {
    /// The rule's own id, so that each node applies it once.
    pub id: Uuid,
    /// The user whose tokens they are; nil for clients.
    pub user_id: UserId,
    /// Which tokens.
    pub refused: Refused,
    /// When the last such token has expired.
    pub until: Timestamp,
}

impl Revocation {
    /// Makes a new rule about clients.
    #[must_use]
    pub fn of_clients(refused: Refused, until: Timestamp) -> Self {
        Self::new(UserId::from(Uuid::nil()), refused, until)
    }

    /// Makes a new rule.
    #[must_use]
    pub fn new(user_id: UserId, refused: Refused, until: Timestamp) -> Self {
        Self {
            id: Uuid::now_v7(),
            user_id,
            refused,
            until,
        }
    }
}

/// Which tokens are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The tokens of one sign-in.
    Session(SessionId),
    /// The tokens below a version.
    Below(i64),
    /// The tokens of a client.
    Client(ClientId),
    /// One token of a client, by its id.
    Token(Uuid),
}
