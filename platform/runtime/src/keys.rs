//! The public keys that access tokens are checked with.

use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, JwkSet};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// One public key with its name.
#[derive(Debug, Clone)]
pub struct PublicKey {
    /// The key's name in a token's header.
    pub kid: String,
    /// The key; only RSA keys are taken.
    pub jwk: Jwk,
}

/// The keys in force; clones share them.
#[derive(Clone, Default)]
pub struct Keys {
    inner: Arc<RwLock<Ring>>,
}

#[derive(Default)]
struct Ring {
    published: Vec<PublicKey>,
    by_kid: HashMap<String, Arc<DecodingKey>>,
    edition: u64,
}

impl Keys {
    /// No keys yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts these keys in the place of all before; keys that are not RSA check nothing.
    pub fn publish(&self, keys: Vec<PublicKey>) {
        let by_kid = keys
            .iter()
            .filter(|key| matches!(key.jwk.algorithm, AlgorithmParameters::RSA(_)))
            .filter_map(|key| {
                let decoding = DecodingKey::from_jwk(&key.jwk).ok()?;
                Some((key.kid.clone(), Arc::new(decoding)))
            })
            .collect();
        let mut ring = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        ring.by_kid = by_kid;
        ring.published = keys;
        ring.edition += 1;
    }

    /// The keys as `/.well-known/jwks.json` shows them.
    #[must_use]
    pub fn jwks(&self) -> JwkSet {
        let ring = self.inner.read().unwrap_or_else(PoisonError::into_inner);
        let keys = ring.published.iter().map(|key| {
            let mut jwk = key.jwk.clone();
            jwk.common.key_id = Some(key.kid.clone());
            jwk
        });
        JwkSet { keys: keys.collect() }
    }

    /// The key of a name.
    pub(crate) fn find(&self, kid: &str) -> Option<Arc<DecodingKey>> {
        let ring = self.inner.read().unwrap_or_else(PoisonError::into_inner);
        ring.by_kid.get(kid).cloned()
    }

    /// Changes with each publication.
    pub(crate) fn edition(&self) -> u64 {
        self.inner.read().unwrap_or_else(PoisonError::into_inner).edition
    }
}
