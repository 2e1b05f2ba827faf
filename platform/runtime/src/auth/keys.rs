//! The public keys that access tokens are checked with.

use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// How long a token waits for a key that somebody else may have published just now.
const PATIENCE: Duration = Duration::from_secs(1);

/// One public key with its name.
#[derive(Debug, Clone)]
pub struct PublicKey {
    /// The key's name in a token's header.
    pub kid: String,
    /// The key; one that is shared or meant for encryption checks nothing.
    pub jwk: Jwk,
}

/// The keys of an issuer; clones share them.
#[derive(Clone)]
pub struct Keys {
    shared: Arc<Shared>,
}

struct Shared {
    ring: RwLock<Ring>,
    /// Grows with each publication.
    edition: watch::Sender<u64>,
    /// Where keys come from elsewhere.
    elsewhere: Option<Elsewhere>,
}

/// What is needed to bring keys when they are.
struct Elsewhere {
    /// Reports names that are unknown.
    wanted: Notify,
    /// Whether no keys are brought at the moment, whatever is asked for.
    resting: watch::Sender<bool>,
}

#[derive(Default)]
struct Ring {
    published: Vec<PublicKey>,
    /// Some issuers give keys of different kinds one name.
    by_kid: HashMap<String, Vec<Arc<VerifyingKey>>>,
}

/// A key that checks signatures.
pub(crate) struct VerifyingKey {
    pub(crate) key: DecodingKey,
    /// The only algorithm that it is for, if its document says so.
    algorithm: Option<KeyAlgorithm>,
    /// The algorithms that keys of its kind are for.
    kind: &'static [Algorithm],
}

use Algorithm as A;
const RSA: &[A] = &[A::RS256, A::RS384, A::RS512, A::PS256, A::PS384, A::PS512];
const EC: &[A] = &[A::ES256, A::ES384];
const ED: &[A] = &[A::EdDSA];

impl VerifyingKey {
    /// Whether signatures of this algorithm may be checked with it.
    pub(crate) fn is_for(&self, algorithm: Algorithm) -> bool {
        let is_named = self
            .algorithm
            .is_none_or(|it| it.to_string() == format!("{algorithm:?}"));
        is_named && self.kind.contains(&algorithm)
    }
}

/// Brings keys that another process publishes as a document, such as `/.well-known/jwks.json`.
pub struct KeyFeed(Keys);

/// A document holds no key that a signature can be checked with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no JSON Web Key Set with a public key that has a name")]
pub struct NoKeys;

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

impl Default for Keys {
    fn default() -> Self {
        Self::new()
    }
}

impl Keys {
    /// No keys yet; they are published in this process.
    #[must_use]
    pub fn new() -> Self {
        Self::with(None)
    }

    /// No keys yet; the feed brings them. A token with an unknown key wakes the feed and waits up to a second, unless the
    /// feed rests.
    #[must_use]
    pub fn from_elsewhere() -> (Self, KeyFeed) {
        let keys = Self::with(Some(Elsewhere {
            wanted: Notify::new(),
            resting: watch::Sender::new(false),
        }));
        (keys.clone(), KeyFeed(keys))
    }

    fn with(elsewhere: Option<Elsewhere>) -> Self {
        Self {
            shared: Arc::new(Shared {
                ring: RwLock::default(),
                edition: watch::Sender::new(0),
                elsewhere,
            }),
        }
    }

    /// Whether they were published at least once.
    #[must_use]
    pub fn are_known(&self) -> bool {
        self.edition() > 0
    }

    /// Whether a feed brings them.
    pub(crate) fn come_from_elsewhere(&self) -> bool {
        self.shared.elsewhere.is_some()
    }

    /// Replaces all keys.
    pub fn publish(&self, keys: Vec<PublicKey>) {
        let mut by_kid: HashMap<String, Vec<_>> = HashMap::new();
        for key in &keys {
            if let Some(verifying) = verifying(&key.jwk) {
                by_kid.entry(key.kid.clone()).or_default().push(Arc::new(verifying));
            }
        }
        *self.shared.ring.write().unwrap_or_else(PoisonError::into_inner) = Ring {
            published: keys,
            by_kid,
        };
        self.shared.edition.send_modify(|edition| *edition += 1);
    }

    /// The keys as `/.well-known/jwks.json` shows them.
    #[must_use]
    pub fn jwks(&self) -> JwkSet {
        let ring = self.shared.ring.read().unwrap_or_else(PoisonError::into_inner);
        let keys = ring.published.iter().map(|key| {
            let mut jwk = key.jwk.clone();
            jwk.common.key_id = Some(key.kid.clone());
            jwk
        });
        JwkSet { keys: keys.collect() }
    }

    /// The key of a name that checks signatures of an algorithm.
    pub(crate) async fn find(&self, kid: &str, algorithm: Algorithm) -> Option<Arc<VerifyingKey>> {
        let mut editions = self.shared.edition.subscribe();
        if let Some(key) = self.known(kid, algorithm) {
            return Some(key);
        }
        let elsewhere = self.shared.elsewhere.as_ref()?;
        let mut resting = elsewhere.resting.subscribe();
        if *resting.borrow() {
            return None;
        }
        elsewhere.wanted.notify_one();
        let brought = async {
            tokio::select! {
                _ = editions.changed() => (),
                _ = resting.wait_for(|rests| *rests) => (),
            }
        };
        tokio::time::timeout(PATIENCE, brought).await.ok()?;
        self.known(kid, algorithm)
    }

    fn known(&self, kid: &str, algorithm: Algorithm) -> Option<Arc<VerifyingKey>> {
        let ring = self.shared.ring.read().unwrap_or_else(PoisonError::into_inner);
        let named = ring.by_kid.get(kid)?;
        named.iter().find(|key| key.is_for(algorithm)).cloned()
    }

    /// Grows with each publication.
    pub(crate) fn edition(&self) -> u64 {
        *self.shared.edition.borrow()
    }
}

impl KeyFeed {
    /// Waits until a token names a key that is unknown; however many do meanwhile, they count once.
    pub async fn wanted(&self) {
        if let Some(elsewhere) = &self.0.shared.elsewhere {
            elsewhere.wanted.notified().await;
        }
    }

    /// Sets whether unknown keys are refused at once, because none are brought for a while.
    pub fn rest(&self, rests: bool) {
        if let Some(elsewhere) = &self.0.shared.elsewhere {
            elsewhere.resting.send_replace(rests);
        }
    }

    /// Takes all keys away, those of an issuer that has not been heard of for too long.
    pub fn clear(&self) {
        self.0.publish(Vec::new());
    }

    /// Replaces all keys by those of a JSON Web Key Set; keys of kinds that are unknown or useless here are left out.
    ///
    /// Errors: it is no such document, or has no key that is of use; those before stay. A document without any keys takes all
    /// away
    /// Source: RFC 7517 §5
    pub fn replace(&self, document: &[u8]) -> Result<(), NoKeys> {
        let document: Document = serde_json::from_slice(document).map_err(|_| NoKeys)?;
        let are_withdrawn = document.keys.is_empty();
        let keys: Vec<_> = document.keys.into_iter().filter_map(read).collect();
        if keys.is_empty() && !are_withdrawn {
            return Err(NoKeys);
        }
        self.0.publish(keys);
        Ok(())
    }
}

fn read(key: Value) -> Option<PublicKey> {
    let jwk: Jwk = serde_json::from_value(key).ok()?;
    verifying(&jwk)?;
    let kid = jwk.common.key_id.clone()?;
    Some(PublicKey { kid, jwk })
}

/// The key, if it is the public half of one that signs; a shared secret would let its holders make tokens.
fn verifying(jwk: &Jwk) -> Option<VerifyingKey> {
    let kind = match jwk.algorithm {
        AlgorithmParameters::RSA(_) => RSA,
        AlgorithmParameters::EllipticCurve(_) => EC,
        AlgorithmParameters::OctetKeyPair(_) => ED,
        _ => return None,
    };
    let signs = jwk
        .common
        .public_key_use
        .as_ref()
        .is_none_or(|purpose| *purpose == PublicKeyUse::Signature);
    let key = signs.then(|| DecodingKey::from_jwk(jwk).ok()).flatten()?;
    Some(VerifyingKey {
        key,
        algorithm: jwk.common.key_algorithm,
        kind,
    })
}
