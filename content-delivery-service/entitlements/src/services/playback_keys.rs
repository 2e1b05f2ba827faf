//! The keys behind playback tokens: one pair signs, all that are still known verify.
//!
//! The pairs lie in the content database, sealed by the installation's secret, so that every node
//! shares them and tokens outlive a restart. Two nodes that start on an empty database at the same
//! time may each make one; both are good, and each node learns of the other's when it meets it.

use crate::models::playback_token::{Claims, Reading, SigningKey, VerifyingKey, read};
use crate::repositories::playback_key_repository::{PlaybackKeyRepository, SealedKey};
use aws_lc_rs::hmac;
use backing::DbError;
use contracts::{Timestamp, UserId};
use runtime::secrets::{SealError, Sealer, derive};
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};

/// Signs and verifies playback tokens.
pub struct PlaybackKeys {
    repository: PlaybackKeyRepository,
    sealing: Sealer,
    viewers: hmac::Key,
    signing: SigningKey,
    verifying: RwLock<Arc<[VerifyingKey]>>,
}

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The database did not answer.
    #[error(transparent)]
    Database(#[from] DbError),
    /// The cryptography library refused.
    #[error("the playback keys could not be made")]
    Cryptography,
}

impl From<SealError> for KeyError {
    fn from(_: SealError) -> Self {
        Self::Cryptography
    }
}

impl PlaybackKeys {
    /// Reads the stored keys; makes the first, or a new one where the secret opens none of them.
    pub async fn open(repository: PlaybackKeyRepository, secret: &[u8], now: Timestamp) -> Result<Self, KeyError> {
        let sealing = Sealer::new(&derive(secret, "moocflix playback key sealing"))?;
        let viewers = hmac::Key::new(hmac::HMAC_SHA256, &derive(secret, "moocflix playback viewers"));
        let mut known = unseal_all(&repository.all().await?, &sealing);
        if known.is_empty() {
            let key = SigningKey::generate().map_err(|_| KeyError::Cryptography)?;
            repository.add(&seal(&key, &sealing)?, now).await?;
            known.push(key);
        }
        let verifying = RwLock::new(verifying(&known));
        let signing = known.swap_remove(0);
        Ok(Self {
            repository,
            sealing,
            viewers,
            signing,
            verifying,
        })
    }

    /// Looks for keys that other nodes have made.
    pub async fn refresh(&self) -> Result<(), DbError> {
        let known = unseal_all(&self.repository.all().await?, &self.sealing);
        let mut current = self.verifying.write().unwrap_or_else(PoisonError::into_inner);
        *current = verifying(&known);
        Ok(())
    }

    /// Writes claims as a token.
    #[must_use]
    pub fn sign(&self, claims: &Claims) -> String {
        self.signing.sign(claims)
    }

    /// Checks a token's shape and signature.
    #[must_use]
    pub fn read(&self, token: &str) -> Reading {
        let keys = Arc::clone(&self.verifying.read().unwrap_or_else(PoisonError::into_inner));
        read(token, &keys)
    }

    /// The viewer's name inside tokens: the same for the same user, and no id.
    #[must_use]
    pub fn viewer(&self, user: UserId) -> [u8; 8] {
        self.named(user.0.as_bytes())
    }

    /// The name inside tokens of all viewers from a network who are not signed in: no address either.
    #[must_use]
    pub fn viewer_from(&self, network: IpAddr) -> [u8; 8] {
        self.named(network.to_string().as_bytes())
    }

    fn named(&self, viewer: &[u8]) -> [u8; 8] {
        let tag = hmac::sign(&self.viewers, viewer);
        let mut name = [0; 8];
        name.copy_from_slice(&tag.as_ref()[..8]);
        name
    }
}

fn seal(key: &SigningKey, sealing: &Sealer) -> Result<SealedKey, KeyError> {
    let id = key.id().to_vec();
    let plain = key.to_pkcs8().map_err(|_| KeyError::Cryptography)?;
    let sealed = sealing.seal(&id, &plain)?;
    Ok(SealedKey { id, sealed })
}

fn unseal(key: &SealedKey, sealing: &Sealer) -> Option<SigningKey> {
    let plain = sealing.open(&key.id, &key.sealed).ok()?;
    SigningKey::from_pkcs8(&plain)
        .ok()
        .filter(|pair| pair.id()[..] == key.id[..])
}

fn unseal_all(keys: &[SealedKey], sealing: &Sealer) -> Vec<SigningKey> {
    let opened: Vec<_> = keys.iter().filter_map(|key| unseal(key, sealing)).collect();
    if opened.len() < keys.len() {
        let sealed = keys.len() - opened.len();
        tracing::warn!(
            sealed,
            "some playback keys were sealed by another secret: their tokens are refused"
        );
    }
    opened
}

fn verifying(keys: &[SigningKey]) -> Arc<[VerifyingKey]> {
    keys.iter().filter_map(|key| key.verifying().ok()).collect()
}
