//! Access tokens: short-lived JWTs that every service can verify.
//!
//! Source: RFC 9068 (JWT profile for access tokens), RFC 7518 §3.3 (RS256)

use crate::models::accounts::user::User;
use crate::models::sessions::session::Session;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use contracts::{Roles, SessionId, Timestamp, UserId};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use uuid::Uuid;

const TYPE: &str = "at+jwt";
/// The only client today: MoocFlix's own page and command line.
const CLIENT: &str = "moocflix";

/// A key that is ready to sign.
pub(crate) struct OpenKey {
    /// The key's name in tokens.
    pub(crate) kid: String,
    /// The key itself.
    pub(crate) pair: KeyPair,
    /// When the key starts to sign.
    pub(crate) active_from: Timestamp,
}

/// A token could not be signed.
#[derive(Debug, thiserror::Error)]
#[error("no access token can be signed: {0}")]
pub(crate) struct NotSigned(&'static str);

#[derive(Serialize, Deserialize)]
struct Header {
    alg: String,
    typ: String,
    kid: String,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: UserId,
    client_id: &'static str,
    iat: i64,
    exp: i64,
    jti: Uuid,
    sid: SessionId,
    ver: i64,
    roles: &'a Roles,
    auth_time: i64,
}

/// The claims that a logout reads.
#[derive(Deserialize)]
struct Origin {
    iss: String,
    sub: UserId,
    sid: SessionId,
    ver: i64,
}

/// Signs access tokens; clones share the keys.
#[derive(Clone)]
pub(crate) struct TokenIssuer {
    issuer: String,
    audience: String,
    lifetime: Duration,
    keys: Arc<RwLock<Arc<Vec<OpenKey>>>>,
}

impl TokenIssuer {
    /// An issuer without keys.
    pub(crate) fn new(issuer: &str, audience: &str, lifetime: Duration) -> Self {
        Self {
            issuer: issuer.to_owned(),
            audience: audience.to_owned(),
            lifetime,
            keys: Arc::default(),
        }
    }

    /// How long a token is valid.
    pub(crate) const fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// Replaces the keys.
    pub(crate) fn take_keys(&self, keys: Vec<OpenKey>) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
    }

    /// Whether the issuer has exactly these keys.
    pub(crate) fn has<'a>(&self, kids: impl Iterator<Item = &'a str>) -> bool {
        self.keys().iter().map(|key| key.kid.as_str()).eq(kids)
    }

    /// Signs a token for a sign-in, with the user's present roles and version.
    pub(crate) fn issue(&self, user: &User, session: &Session, now: Timestamp) -> Result<SecretString, NotSigned> {
        let keys = self.keys();
        let active = keys
            .iter()
            .filter(|key| key.active_from <= now)
            .max_by_key(|key| key.active_from);
        let key = active.or_else(|| keys.first()).ok_or(NotSigned("there is no key"))?;
        let header = Header {
            alg: "RS256".to_owned(),
            typ: TYPE.to_owned(),
            kid: key.kid.clone(),
        };
        let claims = Claims {
            iss: &self.issuer,
            aud: &self.audience,
            sub: user.id,
            client_id: CLIENT,
            iat: now.seconds(),
            exp: (now + self.lifetime).seconds(),
            jti: Uuid::now_v7(),
            sid: session.id,
            ver: user.version,
            roles: &user.roles,
            auth_time: session.created_at.seconds(),
        };
        let text = format!("{}.{}", encode(&header)?, encode(&claims)?);
        let mut signature = vec![0; key.pair.public_modulus_len()];
        key.pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature)
            .map_err(|_| NotSigned("the key refused"))?;
        Ok(SecretString::from(format!(
            "{text}.{}",
            URL_SAFE_NO_PAD.encode(signature)
        )))
    }

    /// The sign-in that one of this issuer's tokens belongs to, and the token's version; expired tokens included, for a
    /// logout needs no valid token.
    pub(crate) fn sign_in_of(&self, token: &str) -> Option<(UserId, SessionId, i64)> {
        let (text, signature) = token.rsplit_once('.')?;
        let (header, claims) = text.split_once('.')?;
        let header: Header = decode(header)?;
        if header.alg != "RS256" || header.typ != TYPE {
            return None;
        }
        let keys = self.keys();
        let key = keys.iter().find(|key| key.kid == header.kid)?;
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.pair.public_key().as_ref())
            .verify(text.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).ok()?)
            .ok()?;
        let origin: Origin = decode(claims)?;
        (origin.iss == self.issuer).then_some((origin.sub, origin.sid, origin.ver))
    }

    fn keys(&self) -> Arc<Vec<OpenKey>> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }
}

fn encode<T: Serialize>(part: &T) -> Result<String, NotSigned> {
    let json = serde_json::to_vec(part).map_err(|_| NotSigned("the claims are no JSON"))?;
    Ok(URL_SAFE_NO_PAD.encode(json))
}

fn decode<T: for<'de> Deserialize<'de>>(part: &str) -> Option<T> {
    runtime::object_from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}
