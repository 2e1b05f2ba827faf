//! What an access token says: its header, and the claims of a user's or a client's token.
//!
//! Source: RFC 9068 (at+jwt)

use crate::messages::json::object_from_slice;
use crate::{AuthError, Caller, Principal, Scopes};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use contracts::{Roles, SessionId, Timestamp};
use jsonwebtoken::Algorithm;
use serde::de::{DeserializeOwned, Error as _, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use std::fmt;

/// A token in its parts; nothing is believed before the signature is checked.
pub(crate) struct Token<'a> {
    /// The text that is signed: header and claims.
    pub(crate) message: &'a str,
    pub(crate) signature: &'a str,
    pub(crate) kid: String,
    pub(crate) algorithm: Algorithm,
    /// What its header says that it is.
    pub(crate) kind: Kind,
    /// Whether the header is one of the platform's own tokens.
    is_own_form: bool,
    claims: &'a str,
}

/// What a token's header says that it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An access token of RFC 9068.
    Access,
    /// Some JWT; most issuers say no more of access tokens and of ID tokens.
    Typed,
    /// Nothing.
    Untyped,
}

/// The header of an access token; a token with any other field (`jku`, `crit`, `zip`, …) is refused.
///
/// Others' tokens may name their key's certificate, too; here it is not looked at.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    typ: Option<String>,
    kid: String,
    #[serde(default)]
    x5t: Option<IgnoredAny>,
    #[serde(default, rename = "x5t#S256")]
    x5t_s256: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Origin {
    iss: String,
}

/// An object each of whose fields is there once: readers that don't agree on one of two could be played off against each
/// other.
struct EachOnce(Map<String, Value>);

impl<'de> Deserialize<'de> for EachOnce {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        source.deserialize_map(EachOnceVisitor).map(Self)
    }
}

struct EachOnceVisitor;

impl<'de> Visitor<'de> for EachOnceVisitor {
    type Value = Map<String, Value>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut source: A) -> Result<Self::Value, A::Error> {
        let mut fields = Map::new();
        while let Some((name, value)) = source.next_entry::<String, Value>()? {
            if fields.insert(name, value).is_some() {
                return Err(A::Error::custom("a field is there twice"));
            }
        }
        Ok(fields)
    }
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
        let kind = match header.typ.as_deref().map(str::to_ascii_lowercase).as_deref() {
            Some("at+jwt" | "application/at+jwt") => Kind::Access,
            Some("jwt") => Kind::Typed,
            None => Kind::Untyped,
            Some(_) => return Err(AuthError::Invalid),
        };
        let is_own_form = header.typ.as_deref() == Some("at+jwt") && header.x5t.is_none() && header.x5t_s256.is_none();
        Ok(Self {
            message,
            signature,
            is_own_form,
            kind,
            kid: header.kid,
            algorithm: header.alg.parse().map_err(|_| AuthError::Invalid)?,
            claims,
        })
    }

    /// Who is said to have made it, which selects the keys to check that with.
    pub(crate) fn issuer(&self) -> Result<String, AuthError> {
        part::<Origin>(self.claims).map(|origin| origin.iss)
    }

    /// The claims of one of the platform's own tokens, for when the signature was checked.
    pub(crate) fn claims(&self) -> Result<Claims, AuthError> {
        if self.is_own_form {
            part(self.claims)
        } else {
            Err(AuthError::Invalid)
        }
    }

    /// The claims of another issuer's token, for when the signature was checked.
    pub(crate) fn external_claims(&self) -> Result<Map<String, Value>, AuthError> {
        part::<EachOnce>(self.claims).map(|claims| claims.0)
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
