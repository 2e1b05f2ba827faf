//! Checks access tokens.
//!
//! Everything about a token is pinned: one algorithm, one issuer, one audience, one type, the header's
//! and the claims' spelling. A token that was good is remembered by its hash, so that the signature is
//! checked once; its expiry and the revocations are looked at every time.
//!
//! Source: RFC 9068 (at+jwt), RFC 8725 (best current practices); design §6

use crate::{Caller, Keys, Problem, Revocations};
use backing::Clock;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use contracts::{Roles, SessionId, Timestamp, UserId};
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};
use jsonwebtoken::Algorithm;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Longer tokens are not looked at.
const MAX_TOKEN_BYTES: usize = 8 * 1_024;
/// How far two clocks may be apart.
const LEEWAY_SECONDS: i64 = 30;
/// How many tokens one half of the memory holds.
const REMEMBERED: usize = 32 * 1_024;

/// Checks bearers; clones share keys, revocations and memory.
#[derive(Clone)]
pub struct Authenticator {
    inner: Arc<Inner>,
}

struct Inner {
    keys: Keys,
    revocations: Revocations,
    clock: Clock,
    issuer: String,
    audience: String,
    memory: Mutex<Memory>,
}

/// Why a request has no caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// There is no bearer.
    #[error("this needs an access token, sent as `Authorization: Bearer …`")]
    Missing,
    /// There is more than one `Authorization` header.
    #[error("there is more than one Authorization header")]
    Ambiguous,
    /// The token is not one of ours, or is not in order.
    #[error("the access token is not valid")]
    Invalid,
    /// The token was good until its time ran out.
    #[error("the access token has expired")]
    Expired,
    /// The sign-in has ended, or the account has changed since.
    #[error("the sign-in of this access token has ended")]
    Revoked,
}

impl From<AuthError> for Problem {
    fn from(error: AuthError) -> Self {
        let challenge = match error {
            AuthError::Ambiguous => {
                return Self::new(StatusCode::BAD_REQUEST, "ambiguous_credentials", error.to_string());
            }
            AuthError::Missing => "Bearer realm=\"moocflix\"".to_owned(),
            AuthError::Invalid | AuthError::Expired | AuthError::Revoked => {
                format!("Bearer realm=\"moocflix\", error=\"invalid_token\", error_description=\"{error}\"")
            }
        };
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", error.to_string()).header(WWW_AUTHENTICATE, challenge)
    }
}

/// The bearer token of a request.
pub(crate) fn bearer(headers: &HeaderMap) -> Result<&str, AuthError> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let first = all.next().ok_or(AuthError::Missing)?;
    if all.next().is_some() {
        return Err(AuthError::Ambiguous);
    }
    let text = first.to_str().map_err(|_| AuthError::Invalid)?;
    let (scheme, token) = text.split_once(' ').ok_or(AuthError::Invalid)?;
    if scheme.eq_ignore_ascii_case("bearer") {
        Ok(token)
    } else {
        Err(AuthError::Invalid)
    }
}

/// The header that our tokens have; any other field (`jku`, `crit`, `zip`, …) makes it another's.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    typ: String,
    kid: String,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: UserId,
    sid: SessionId,
    ver: i64,
    roles: Roles,
    auth_time: i64,
    iat: i64,
    exp: i64,
    #[serde(default)]
    nbf: Option<i64>,
    #[serde(rename = "jti")]
    _jti: String,
    #[serde(rename = "client_id")]
    _client_id: String,
}

impl Authenticator {
    /// An authenticator that takes tokens of one issuer for one audience.
    #[must_use]
    pub fn new(
        keys: Keys,
        revocations: Revocations,
        clock: Clock,
        issuer: impl Into<String>,
        audience: impl Into<String>,
    ) -> Self {
        let memory = Mutex::new(Memory::default());
        let (issuer, audience) = (issuer.into(), audience.into());
        Self {
            inner: Arc::new(Inner {
                keys,
                revocations,
                clock,
                issuer,
                audience,
                memory,
            }),
        }
    }

    /// Whose tokens it takes; who makes tokens writes this into them.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.inner.issuer
    }

    /// Whom the tokens that it takes are for.
    #[must_use]
    pub fn audience(&self) -> &str {
        &self.inner.audience
    }

    /// Checks a token and says whose it is.
    pub fn verify(&self, token: &str) -> Result<Caller, AuthError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(AuthError::Invalid);
        }
        let edition = self.inner.keys.edition();
        let hash: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        let known = self.memory().find(edition, &hash);
        let (caller, expires_at) = match known {
            Some(known) => known,
            None => {
                let read = self.check(token)?;
                self.memory().keep(edition, hash, read.clone());
                read
            }
        };
        if self.inner.clock.now().seconds() >= expires_at.saturating_add(LEEWAY_SECONDS) {
            return Err(AuthError::Expired);
        }
        if self.inner.revocations.refuses(&caller) {
            return Err(AuthError::Revoked);
        }
        Ok(caller)
    }

    /// Whether a caller who was let through has been signed out since.
    #[must_use]
    pub fn refuses(&self, caller: &Caller) -> bool {
        self.inner.revocations.refuses(caller)
    }

    fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.inner.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Checks signature and claims; the expiry is the caller's to look at.
    fn check(&self, token: &str) -> Result<(Caller, i64), AuthError> {
        let (message, signature) = token.rsplit_once('.').ok_or(AuthError::Invalid)?;
        let (header, claims) = message.split_once('.').ok_or(AuthError::Invalid)?;
        if claims.contains('.') {
            return Err(AuthError::Invalid);
        }
        let header: Header = part(header)?;
        if header.alg != "RS256" || header.typ != "at+jwt" {
            return Err(AuthError::Invalid);
        }
        let key = self.inner.keys.find(&header.kid).ok_or(AuthError::Invalid)?;
        match jsonwebtoken::crypto::verify(signature, message.as_bytes(), &key, Algorithm::RS256) {
            Ok(true) => {}
            Ok(false) | Err(_) => return Err(AuthError::Invalid),
        }
        let claims: Claims = part(claims)?;
        let latest = self.inner.clock.now().seconds() + LEEWAY_SECONDS;
        let ours = claims.iss == self.inner.issuer && claims.aud == self.inner.audience;
        let begun = claims.iat <= latest && claims.nbf.unwrap_or(claims.iat) <= latest;
        let sane = claims.iat >= 0 && claims.exp > claims.iat && claims.auth_time >= 0;
        if !(ours && begun && sane) {
            return Err(AuthError::Invalid);
        }
        let caller = Caller {
            user_id: claims.sub,
            session_id: claims.sid,
            roles: claims.roles,
            auth_time: Timestamp::from_seconds(claims.auth_time),
            version: claims.ver,
        };
        Ok((caller, claims.exp))
    }
}

/// One part of a token: base64url of JSON, no padding, no bits left over.
fn part<T: DeserializeOwned>(text: &str) -> Result<T, AuthError> {
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| AuthError::Invalid)?;
    serde_json::from_slice(&bytes).map_err(|_| AuthError::Invalid)
}

/// Tokens that were good, in two halves: when the newer one is full, the older one is forgotten.
#[derive(Default)]
struct Memory {
    edition: u64,
    newer: HashMap<[u8; 32], (Caller, i64)>,
    older: HashMap<[u8; 32], (Caller, i64)>,
}

impl Memory {
    fn find(&mut self, edition: u64, hash: &[u8; 32]) -> Option<(Caller, i64)> {
        if self.edition != edition {
            *self = Self {
                edition,
                ..Self::default()
            };
        }
        self.newer.get(hash).or_else(|| self.older.get(hash)).cloned()
    }

    fn keep(&mut self, edition: u64, hash: [u8; 32], known: (Caller, i64)) {
        if self.edition != edition {
            return;
        }
        if self.newer.len() >= REMEMBERED {
            self.older = std::mem::take(&mut self.newer);
        }
        self.newer.insert(hash, known);
    }
}
