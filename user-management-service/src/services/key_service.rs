//! Signing keys: generated when they are due, published before they sign, kept while tokens carry their name.

use super::tokens::token_issuer::{OpenKey, TokenIssuer};
use crate::models::keys::signing_key::SealedKey;
use crate::repositories::keys::key_repository::KeyRepository;
use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use backing::db::DbError;
use contracts::Timestamp;
use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use runtime::secrets::{SealError, Sealer, derive_by_hmac};
use runtime::{Keys, PublicKey};
use std::time::Duration;

const PURPOSE: &str = "moocflix signing keys 1";
/// How long a key is published before it signs, so that every cache of keys has it by then.
const NOTICE: Duration = Duration::from_secs(24 * 3_600);
/// How long a key stays published after the next one signs, so that its last token has expired.
const FAREWELL: Duration = Duration::from_secs(2 * 3_600);

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    /// The keys in the database were sealed with another secret.
    #[error("the signing keys in the database were sealed with another secret key")]
    WrongSecret,
    /// A key could not be generated.
    #[error("a signing key could not be generated: {0}")]
    NotMade(String),
    /// The database did not answer.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<SealError> for KeyError {
    fn from(_: SealError) -> Self {
        Self::WrongSecret
    }
}

/// What has to be done with the keys at a moment.
#[derive(Debug, Default, PartialEq, Eq)]
struct Due {
    /// A new key is needed, which signs from this moment on.
    add: Option<Timestamp>,
    /// No valid token carries these any more.
    remove: Vec<String>,
}

/// Keeps the keys of the issuer and of the authenticator equal to those in the database.
pub(crate) struct KeyService {
    repository: KeyRepository,
    published: Keys,
    issuer: TokenIssuer,
    sealer: Sealer,
    period: Duration,
}

impl KeyService {
    pub(crate) fn new(
        repository: KeyRepository,
        published: Keys,
        issuer: TokenIssuer,
        secret: &[u8],
        period: Duration,
    ) -> Result<Self, KeyError> {
        Ok(Self {
            repository,
            published,
            issuer,
            sealer: Sealer::new(&derive_by_hmac(secret, PURPOSE))?,
            period,
        })
    }

    /// Generates and removes keys that are due, then puts the keys to use if they have changed.
    pub(crate) async fn refresh(&self, now: Timestamp) -> Result<(), KeyError> {
        let stored = self.repository.all().await?;
        let due = due(&stored, now, self.period);
        if let Some(active_from) = due.add {
            let key = self.make(now, active_from).await?;
            let newest = stored.iter().map(|key| key.active_from).max();
            if self.repository.add(&key, newest).await? {
                tracing::info!(kid = key.kid, active_from = %active_from, "generated a signing key");
            }
        }
        for kid in &due.remove {
            self.repository.remove(kid).await?;
            tracing::info!(kid, "removed a signing key that no valid token carries");
        }
        let stored = if due == Due::default() {
            stored
        } else {
            self.repository.all().await?
        };
        if self.issuer.has(stored.iter().map(|key| key.kid.as_str())) {
            return Ok(());
        }
        let open = stored.iter().map(|key| self.open(key)).collect::<Result<Vec<_>, _>>()?;
        self.published.publish(open.iter().filter_map(public).collect());
        self.issuer.take_keys(open);
        Ok(())
    }

    /// Adds a key that signs from this moment on, whatever keys there are; those before stay as long as tokens carry their
    /// names. Returns its name.
    ///
    /// Errors: `WrongSecret` if the keys in use are sealed with another secret, with which nobody could open the new one
    pub(crate) async fn rotate(&self, now: Timestamp, active_from: Timestamp) -> Result<String, KeyError> {
        for key in self.repository.all().await? {
            self.open(&key)?;
        }
        let key = self.make(now, active_from).await?;
        self.repository.add(&key, Some(Timestamp(i64::MAX))).await?;
        Ok(key.kid)
    }

    async fn make(&self, now: Timestamp, active_from: Timestamp) -> Result<SealedKey, KeyError> {
        let pair = tokio::task::spawn_blocking(|| KeyPair::generate(KeySize::Rsa2048))
            .await
            .map_err(|error| KeyError::NotMade(error.to_string()))?
            .map_err(|error| KeyError::NotMade(error.to_string()))?;
        let kid = uuid::Uuid::now_v7().as_simple().to_string();
        let private = pair.as_der().map_err(|error| KeyError::NotMade(error.to_string()))?;
        let private: &Pkcs8V1Der<'_> = &private;
        Ok(SealedKey {
            sealed: self.sealer.seal(kid.as_bytes(), private.as_ref())?,
            kid,
            public_key: pair.public_key().as_ref().to_vec(),
            created_at: now,
            active_from,
        })
    }

    fn open(&self, key: &SealedKey) -> Result<OpenKey, KeyError> {
        let private = self.sealer.open(key.kid.as_bytes(), &key.sealed)?;
        let pair = KeyPair::from_pkcs8(&private).map_err(|_| KeyError::WrongSecret)?;
        Ok(OpenKey {
            kid: key.kid.clone(),
            pair,
            active_from: key.active_from,
        })
    }
}

fn due(keys: &[SealedKey], now: Timestamp, period: Duration) -> Due {
    let Some(newest) = keys.iter().map(|key| key.active_from).max() else {
        return Due {
            add: Some(now),
            remove: Vec::new(),
        };
    };
    let next = newest + period;
    let add = (now + NOTICE >= next).then(|| next.max(now + NOTICE));
    let spent = |key: &&SealedKey| {
        keys.iter()
            .any(|other| other.active_from > key.active_from && other.active_from + FAREWELL <= now)
    };
    Due {
        add,
        remove: keys.iter().filter(spent).map(|key| key.kid.clone()).collect(),
    }
}

/// The public half as a JWK.
fn public(key: &OpenKey) -> Option<PublicKey> {
    let decoding = DecodingKey::from_rsa_der(key.pair.public_key().as_ref());
    let mut jwk = Jwk::from_decoding_key(&decoding, Some(Algorithm::RS256)).ok()?;
    jwk.common.public_key_use = Some(PublicKeyUse::Signature);
    jwk.common.key_id = Some(key.kid.clone());
    Some(PublicKey {
        kid: key.kid.clone(),
        jwk,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_secs(90 * 86_400);

    fn key(kid: &str, active_from: i64) -> SealedKey {
        SealedKey {
            kid: kid.to_owned(),
            sealed: Vec::new(),
            public_key: Vec::new(),
            created_at: Timestamp(0),
            active_from: Timestamp::from_seconds(active_from),
        }
    }

    #[test]
    fn the_first_key_signs_at_once_and_each_later_one_is_published_a_day_before_it_signs() {
        let start = Timestamp::from_seconds(1_000_000);
        assert_eq!(
            due(&[], start, PERIOD),
            Due {
                add: Some(start),
                remove: Vec::new()
            }
        );
        let keys = [key("a", 1_000_000)];
        assert_eq!(
            due(&keys, start + PERIOD - NOTICE - Duration::from_secs(1), PERIOD),
            Due::default()
        );
        assert_eq!(due(&keys, start + PERIOD - NOTICE, PERIOD).add, Some(start + PERIOD));
        let late = start + PERIOD + PERIOD;
        assert_eq!(due(&keys, late, PERIOD).add, Some(late + NOTICE));
    }

    #[test]
    fn a_key_is_removed_when_its_last_token_has_expired() {
        let second = Timestamp::from_seconds(2_000_000);
        let keys = [key("a", 1_000_000), key("b", 2_000_000)];
        assert!(due(&keys, second, PERIOD).remove.is_empty());
        assert!(
            due(&keys, second + FAREWELL - Duration::from_secs(1), PERIOD)
                .remove
                .is_empty()
        );
        assert_eq!(due(&keys, second + FAREWELL, PERIOD).remove, ["a"]);
    }
}
