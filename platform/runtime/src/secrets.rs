//! Keys that are derived from the installation's secret, and small secrets at rest.
//!
//! Source: RFC 5869 (HKDF), NIST SP 800-38D (AES-GCM)

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::{hmac, rand};

/// The salt of every derived key. What is sealed in databases depends on it.
const SALT: &[u8] = b"moocflix content";

/// A key for one purpose.
pub type DerivedKey = [u8; 32];

/// Derives the key of a purpose from a secret of full strength: HKDF-SHA256.
#[must_use]
pub fn derive(secret: &[u8], purpose: &str) -> DerivedKey {
    // The first block of HKDF's output is the whole key: expansion is one HMAC, which can't fail.
    let extracted = mac(SALT, secret);
    mac(&extracted, &[purpose.as_bytes(), &[1]].concat())
}

/// Derives a key as the first versions did for purposes whose keys are in use: HMAC-SHA256 of the purpose.
///
/// Upload keys that clients hold, and signing keys and refresh tokens that databases hold, depend on it; anything new takes
/// [`derive`].
#[must_use]
pub fn derive_by_hmac(secret: &[u8], purpose: &str) -> DerivedKey {
    mac(secret, purpose.as_bytes())
}

fn mac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message);
    let mut bytes = [0; 32];
    bytes.copy_from_slice(tag.as_ref());
    bytes
}

/// Something could not be sealed or opened: another key, another context, or changed bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the seal does not fit the key")]
pub struct SealError;

/// Encrypts small secrets for the database: AES-256-GCM, each bound to a context such as its row's key.
pub struct Sealer {
    cipher: LessSafeKey,
}

impl Sealer {
    /// A sealer with a derived key.
    pub fn new(key: &DerivedKey) -> Result<Self, SealError> {
        let key = UnboundKey::new(&AES_256_GCM, key).map_err(|_| SealError)?;
        Ok(Self {
            cipher: LessSafeKey::new(key),
        })
    }

    /// Encrypts `plain`.
    ///
    /// Shape: nonce, ciphertext, tag
    pub fn seal(&self, context: &[u8], plain: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut nonce = [0; NONCE_LEN];
        rand::fill(&mut nonce).map_err(|_| SealError)?;
        let mut text = plain.to_vec();
        self.cipher
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(context), &mut text)
            .map_err(|_| SealError)?;
        Ok([nonce.as_slice(), &text].concat())
    }

    /// Decrypts what was sealed with the same key and context.
    ///
    /// Shape: as [`Sealer::seal`] writes it, or with the nonce at its end, as earlier versions sealed playback keys
    pub fn open(&self, context: &[u8], sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        let (first, behind) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(SealError)?;
        let (before, last) = sealed.split_last_chunk::<NONCE_LEN>().ok_or(SealError)?;
        self.decrypt(context, *first, behind)
            .or_else(|_| self.decrypt(context, *last, before))
    }

    fn decrypt(&self, context: &[u8], nonce: [u8; NONCE_LEN], text: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut text = text.to_vec();
        let plain = self
            .cipher
            .open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(context), &mut text)
            .map_err(|_| SealError)?;
        Ok(plain.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::aead::RandomizedNonceKey;
    use aws_lc_rs::hkdf;

    #[test]
    fn keys_are_derived_by_hkdf() {
        let mut expected = [0; 32];
        hkdf::Salt::new(hkdf::HKDF_SHA256, b"moocflix content")
            .extract(b"secret")
            .expand(&[b"purpose"], hkdf::HKDF_SHA256)
            .unwrap()
            .fill(&mut expected)
            .unwrap();
        assert_eq!(derive(b"secret", "purpose"), expected);
        assert_ne!(derive(b"secret", "another purpose"), expected);
        assert_ne!(derive(b"another secret", "purpose"), expected);
    }

    #[test]
    fn only_the_same_key_and_context_open_an_unchanged_seal() {
        let sealer = |secret: &[u8]| Sealer::new(&derive(secret, "purpose")).unwrap();
        let sealed = sealer(b"secret").seal(b"context", b"plain").unwrap();
        assert_eq!(sealer(b"secret").open(b"context", &sealed).unwrap(), b"plain");
        assert_eq!(sealer(b"other").open(b"context", &sealed), Err(SealError));
        assert_eq!(sealer(b"secret").open(b"other", &sealed), Err(SealError));
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(sealer(b"secret").open(b"context", &changed), Err(SealError), "{at}");
        }
        assert_eq!(sealer(b"secret").open(b"context", b"short"), Err(SealError));
    }

    #[test]
    fn a_seal_of_an_earlier_version_with_its_nonce_at_the_end_opens() {
        let key = derive(b"secret", "purpose");
        let mut sealed = b"plain".to_vec();
        let nonce = RandomizedNonceKey::new(&AES_256_GCM, &key)
            .unwrap()
            .seal_in_place_append_tag(Aad::from(b"context"), &mut sealed)
            .unwrap();
        sealed.extend_from_slice(nonce.as_ref());
        assert_eq!(Sealer::new(&key).unwrap().open(b"context", &sealed).unwrap(), b"plain");
    }
}
