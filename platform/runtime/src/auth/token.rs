//! What an access token says: its header, and the claims of a user's or a client's token.
//!
//! Source: RFC 9068 (at+jwt)

use crate::messages::json::object_from_slice;
use crate::{AuthError, Caller, Principal, Scopes};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use contracts::{Roles, SessionId, Timestamp};
use jsonwebtoken::Algorithm;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// A token in its parts; nothing is believed before the signature is checked.
pub(crate) struct Token<'a> {
    /// The text that is signed: header and claims.
    pub(crate) message: &'a str,
    pub(crate) signature: &'a str,
    pub(crate) kid: String,
    pub(crate) algorithm: Algorithm,
    claims: &'a str,
}

/// The header of an access token; a token with any other field (`jku`, `crit`, `zip`, …) is refused.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    typ: String,
    kid: String,
}

#[derive(Deserialize)]
struct Origin {
    iss: String,
}

/// The claims of both kinds of tokens: a user's has a sign-in (`sid`), a client's has a `scope`.
#[derive(Deserialize)]
pub(crate) struct Claims {
    pub(crate) aud: String,
    pub(crate) iat: i64,
    pub(crate) exp: i64,
    #[serde(default)]
    pub(crate) nbf: Option<i64>,
    sub: String,
    client_id: String,
    jti: String,
    sid: Option<SessionId>,
    ver: Option<i64>,
    roles: Option<Roles>,
    auth_time: Option<i64>,
    scope: Option<String>,
}

impl<'a> Token<'a> {
    /// Takes a token apart.
    pub(crate) fn read(text: &'a str) -> Result<Self, AuthError> {
        let (message, signature) = text.rsplit_once('.').ok_or(AuthError::Invalid)?;
        let (header, claims) = message.split_once('.').ok_or(AuthError::Invalid)?;
        if claims.contains('.') {
            return Err(AuthError::Invalid);
        }
        let header: Header = part(header)?;
        if header.typ != "at+jwt" {
            return Err(AuthError::Invalid);
        }
        Ok(Self {
            message,
            signature,
            kid: header.kid,
            algorithm: header.alg.parse().map_err(|_| AuthError::Invalid)?,
            claims,
        })
    }

    /// Who is said to have made it, which selects the keys to check that with.
    pub(crate) fn issuer(&self) -> Result<String, AuthError> {
        part::<Origin>(self.claims).map(|origin| origin.iss)
    }

    /// The claims, for when the signature was checked.
    pub(crate) fn claims(&self) -> Result<Claims, AuthError> {
        part(self.claims)
    }
}

impl Claims {
    /// Whom the token speaks for.
    pub(crate) fn principal(self) -> Result<Principal, AuthError> {
        match (self.sid, self.ver, self.roles, self.auth_time, self.scope) {
            (Some(session_id), Some(version), Some(roles), Some(auth_time @ 0..), None) => {
                Ok(Principal::User(Caller {
                    user_id: self.sub.parse().map_err(|_| AuthError::Invalid)?,
                    session_id,
                    roles,
                    auth_time: Timestamp::from_seconds(auth_time),
                    version,
                }))
            }
            (None, None, None, None, Some(scope)) if self.sub == self.client_id => Ok(Principal::Client {
                id: self.sub.parse().map_err(|_| AuthError::Invalid)?,
                token: self.jti.parse().map_err(|_| AuthError::Invalid)?,
                scopes: Scopes(scope),
            }),
            _ => Err(AuthError::Invalid),
        }
    }
}

/// One part of a token: base64url of JSON, no padding, no bits left over.
fn part<T: DeserializeOwned>(text: &str) -> Result<T, AuthError> {
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| AuthError::Invalid)?;
    object_from_slice(&bytes).map_err(|_| AuthError::Invalid)
}
