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
use contracts::{ClientId, Roles, SessionId, Timestamp, UserId};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use uuid::Uuid;

const TYPE: &str = "at+jwt";
/// The client of people's tokens: MoocFlix's own page and command line.
pub(crate) const OWN_CLIENT: &str = "moocflix";

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

#[derive(Serialize)]
struct ClientClaims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: ClientId,
    client_id: ClientId,
    iat: i64,
    exp: i64,
    jti: Uuid,
    scope: &'a str,
}

/// The claims of a client's token that a revocation reads.
#[derive(Deserialize)]
struct ClientOrigin {
    client_id: ClientId,
    jti: Uuid,
    exp: i64,
}

/// The claims that a logout reads.
#[derive(Deserialize)]
struct Origin {
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

    /// The issuer's name, the address that its endpoints are below.
    pub(crate) fn name(&self) -> &str {
        &self.issuer
    }

    /// Signs a token for a sign-in, with the user's present roles and version.
    pub(crate) fn issue(&self, user: &User, session: &Session, now: Timestamp) -> Result<SecretString, NotSigned> {
        let claims = Claims {
            iss: &self.issuer,
            aud: &self.audience,
            sub: user.id,
            client_id: OWN_CLIENT,
            iat: now.seconds(),
            exp: (now + self.lifetime).seconds(),
            jti: Uuid::now_v7(),
            sid: session.id,
            ver: user.version,
            roles: &user.roles,
            auth_time: session.created_at.seconds(),
        };
        self.sign(&claims, now)
    }

    /// Signs a token for a client that may do what the scope says.
    pub(crate) fn issue_to_client(&self, id: ClientId, scope: &str, now: Timestamp) -> Result<SecretString, NotSigned> {
        let claims = ClientClaims {
            iss: &self.issuer,
            aud: &self.audience,
            sub: id,
            client_id: id,
            iat: now.seconds(),
            exp: (now + self.lifetime).seconds(),
            jti: Uuid::now_v7(),
            scope,
        };
        self.sign(&claims, now)
    }

    fn sign(&self, claims: &impl Serialize, now: Timestamp) -> Result<SecretString, NotSigned> {
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
        let text = format!("{}.{}", encode(&header)?, encode(claims)?);
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
        let origin: Origin = self.read(token)?;
        Some((origin.sub, origin.sid, origin.ver))
    }

    /// The client and the id of one of this issuer's tokens, and when it runs out; expired ones included.
    pub(crate) fn client_of(&self, token: &str) -> Option<(ClientId, Uuid, Timestamp)> {
        let origin: ClientOrigin = self.read(token)?;
        Some((origin.client_id, origin.jti, Timestamp::from_seconds(origin.exp)))
    }

    /// The claims of a token that one of these keys has signed, in whichever name: after a restart, the issuer may have
    /// another address.
    fn read<T: for<'de> Deserialize<'de>>(&self, token: &str) -> Option<T> {
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
        decode(claims)
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
