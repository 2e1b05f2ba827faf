//! Whose access tokens are accepted.

use crate::auth::external::{self, ClaimNames, ExternalClaims};
use crate::auth::token::{Kind, Token};
use crate::{AuthError, Keys};
use contracts::Timestamp;
use jsonwebtoken::Algorithm;
use std::net::SocketAddr;

/// An issuer whose tokens are accepted, and all that they are held to.
///
/// What the own issuer's tokens say of users, roles and scopes is believed.
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
    /// How tokens of another issuer name people, who have accounts here; none for the own issuer.
    pub external: Option<ClaimNames>,
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
            external: None,
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
        let Some(key) = self.keys.find(&token.kid, token.algorithm).await else {
            // An issuer that has not been heard of since the start may have made it.
            let is_elsewhere = self.external.is_some() || self.keys.come_from_elsewhere();
            let is_unknown = is_elsewhere && !self.keys.are_known();
            return Err(if is_unknown {
                AuthError::Unavailable
            } else {
                AuthError::Invalid
            });
        };
        match jsonwebtoken::crypto::verify(token.signature, token.message.as_bytes(), &key.key, token.algorithm) {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(AuthError::Invalid),
        }
    }

    /// Checks an ID token that is said to be of this issuer, which is another than the platform's own.
    ///
    /// Errors: `Invalid`, or `Expired`
    pub async fn read_id_token(&self, text: &str, now: Timestamp) -> Result<ExternalClaims, AuthError> {
        let token = Token::read(text)?;
        if token.issuer()? != self.name || token.kind == Kind::Access {
            return Err(AuthError::Invalid);
        }
        let claims = self.checked_claims(&token, now).await?;
        if claims.party.as_ref().is_some_and(|party| *party != self.audience) {
            return Err(AuthError::Invalid);
        }
        if now >= claims.refused_from() {
            return Err(AuthError::Expired);
        }
        Ok(claims)
    }

    /// Checks all of a bearer but whether it has run out.
    pub(crate) async fn external_claims(&self, token: &Token<'_>, now: Timestamp) -> Result<ExternalClaims, AuthError> {
        let may_be_untyped = self.external.as_ref().is_some_and(|names| names.untyped);
        if token.kind == Kind::Untyped && !may_be_untyped {
            return Err(AuthError::Invalid);
        }
        self.checked_claims(token, now).await
    }

    async fn checked_claims(&self, token: &Token<'_>, now: Timestamp) -> Result<ExternalClaims, AuthError> {
        let names = self.external.as_ref().ok_or(AuthError::Invalid)?;
        self.check_signature(token).await?;
        let claims = token.external_claims()?;
        external::read(&claims, (&self.name, &self.audience), names, now).ok_or(AuthError::Invalid)
    }
}
