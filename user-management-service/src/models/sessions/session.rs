//! Sign-ins and their chains of refresh tokens.

use super::revocation::Revocation;
use crate::models::accounts::user::User;
use contracts::{SessionId, Timestamp, UserId};

/// SHA-256 of a refresh token or of a device's; the token itself is never stored.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TokenHash(pub [u8; 32]);

/// A sign-in to store.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// The sign-in's id: `sid` in its tokens.
    pub id: SessionId,
    /// The user who signed in.
    pub user_id: UserId,
    /// When the person showed who they are, to us or to their provider.
    pub created_at: Timestamp,
    /// When the sign-in ends unless it is used again.
    pub expires_at: Timestamp,
    /// When the sign-in ends in any case.
    pub ends_by: Timestamp,
    /// The hash of the first refresh token.
    pub token: TokenHash,
    /// The hash of the token of the device, which the account knows from now on.
    pub device: Option<TokenHash>,
}

/// A stored sign-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The sign-in's id: `sid` in its tokens.
    pub id: SessionId,
    /// The user who signed in.
    pub user_id: UserId,
    /// When the password was checked.
    pub created_at: Timestamp,
    /// When the sign-in ends unless it is used again.
    pub expires_at: Timestamp,
    /// When the sign-in ends in any case.
    pub ends_by: Timestamp,
    /// When a logout or a revocation ended the sign-in.
    pub ended_at: Option<Timestamp>,
}

/// The refresh token that replaces a presented one.
///
/// Shape: `sealed` is the token itself, sealed with a key derived from the presented token: its holder can get the
/// successor a second time, and the database alone opens nothing
#[derive(Debug, Clone)]
pub struct Successor {
    /// The successor's hash.
    pub hash: TokenHash,
    /// The successor, sealed.
    pub sealed: Vec<u8>,
}

/// The result of presenting a refresh token.
#[derive(Debug)]
pub enum Rotation {
    /// The token is unknown, or its sign-in has ended.
    Refused,
    /// The token was used before: its sign-in ends, and its access tokens are refused.
    Reused(Session, Option<Revocation>),
    /// The successor replaced the token.
    Rotated(Session, User),
    /// The token was used a moment ago and its successor was not: the same successor again, sealed.
    Again(Session, User, Vec<u8>),
}
