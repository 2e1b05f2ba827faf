//! Sign-ins and their chains of refresh tokens.

use super::revocation::Revocation;
use crate::models::accounts::user::User;
use contracts::{SessionId, Timestamp, UserId};

/// SHA-256 of a refresh token; the token itself is never stored.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TokenHash(pub [u8; 32]);

/// A sign-in that is about to be stored.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// Its id, the `sid` of its tokens.
    pub id: SessionId,
    /// Whose it is.
    pub user_id: UserId,
    /// When the password was given.
    pub created_at: Timestamp,
    /// When it ends if it is not used again.
    pub expires_at: Timestamp,
    /// When it ends however much it is used.
    pub ends_by: Timestamp,
    /// The hash of its first refresh token.
    pub token: TokenHash,
}

/// A sign-in as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its id, the `sid` of its tokens.
    pub id: SessionId,
    /// Whose it is.
    pub user_id: UserId,
    /// When the password was given.
    pub created_at: Timestamp,
    /// When it ends if it is not used again.
    pub expires_at: Timestamp,
    /// When it ends however much it is used.
    pub ends_by: Timestamp,
    /// When it was ended, if it was.
    pub ended_at: Option<Timestamp>,
}

/// The token that follows a presented one.
///
/// Shape: `sealed` is the token itself, sealed with a key that only the presented token gives, so
/// that its holder can be told it again and the database alone is worth nothing.
#[derive(Debug, Clone)]
pub struct Successor {
    /// The successor's hash.
    pub hash: TokenHash,
    /// The successor, sealed.
    pub sealed: Vec<u8>,
}

/// What came of presenting a refresh token.
#[derive(Debug)]
pub enum Rotation {
    /// No such token, or its sign-in is over.
    Refused,
    /// It was used before: the sign-in ends here, and its access tokens are refused.
    Reused(Session, Option<Revocation>),
    /// The offered successor took its place.
    Rotated(Session, User),
    /// It was used a moment ago and its successor was not: the same successor again, sealed.
    Again(Session, User, Vec<u8>),
}
