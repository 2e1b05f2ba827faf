//! Which access tokens are refused before they run out.

use contracts::{SessionId, Timestamp, UserId};
use uuid::Uuid;

/// A refusal, kept as long as a token that it hits could live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revocation {
    /// Its own id, so that each node applies it once.
    pub id: Uuid,
    /// Whose tokens.
    pub user_id: UserId,
    /// Which of them.
    pub refused: Refused,
    /// After this moment every such token has run out by itself.
    pub until: Timestamp,
}

impl Revocation {
    /// A new refusal.
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

/// Which tokens of a user are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Those of one sign-in.
    Session(SessionId),
    /// Those below a version.
    Below(i64),
}
