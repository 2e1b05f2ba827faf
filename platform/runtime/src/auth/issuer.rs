//! Whose access tokens are accepted.

use crate::auth::token::Token;
use crate::{AuthError, Keys};
use jsonwebtoken::Algorithm;
use std::net::SocketAddr;

/// An issuer whose tokens are accepted, and all that they are held to.
///
/// What its tokens say of users, roles and scopes is believed.
#[derive(Clone)]
pub struct Issuer {
    /// The exact `iss` of its tokens.
    pub name: String,
    /// Whether the address in `iss` may be another one, from before a restart: of this installation's own issuer while no
    /// public address is configured. Its keys tell it apart from others.
    pub is_at_any_address: bool,
    /// The exact `aud` of the tokens that it makes for this platform.
    pub audience: String,
    /// What its tokens may be signed with.
    pub algorithms: Vec<Algorithm>,
    /// Its keys; another issuer's never check its tokens.
    pub keys: Keys,
}

impl Issuer {
    /// The issuer whose tokens the users' service signs.
    #[must_use]
    pub fn own(name: impl Into<String>, audience: impl Into<String>, keys: Keys) -> Self {
        Self {
            name: name.into(),
            is_at_any_address: false,
            audience: audience.into(),
            algorithms: vec![Algorithm::RS256],
            keys,
        }
    }

    /// Whether a token's `iss`, which is no issuer's name, may have been this one's.
    pub(crate) fn may_be(&self, name: &str) -> bool {
        let address = name.strip_prefix("http://");
        self.is_at_any_address && address.is_some_and(|address| address.parse::<SocketAddr>().is_ok())
    }

    /// Checks that this issuer has signed the token.
    pub(crate) async fn check_signature(&self, token: &Token<'_>) -> Result<(), AuthError> {
        if !self.algorithms.contains(&token.algorithm) {
            return Err(AuthError::Invalid);
        }
        let key = self.keys.find(&token.kid).await.ok_or(AuthError::Invalid)?;
        match jsonwebtoken::crypto::verify(token.signature, token.message.as_bytes(), &key, token.algorithm) {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(AuthError::Invalid),
        }
    }
}
