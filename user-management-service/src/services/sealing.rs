//! Small secrets at rest: AES-256-GCM under keys that are derived for one purpose each.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::{hmac, rand};

/// Bytes could not be sealed or opened: another key, or changed bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the seal does not fit the key")]
pub(crate) struct SealError;

/// Derives a key for one purpose from a secret of full strength.
pub(crate) fn derive(secret: &[u8], purpose: &str) -> [u8; 32] {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), purpose.as_bytes());
    let mut key = [0; 32];
    key.copy_from_slice(tag.as_ref());
    key
}

/// Seals `plain`, bound to `context`.
///
/// Shape: nonce, ciphertext, tag
pub(crate) fn seal(key: &[u8; 32], context: &[u8], plain: &[u8]) -> Result<Vec<u8>, SealError> {
    let mut nonce = [0; NONCE_LEN];
    rand::fill(&mut nonce).map_err(|_| SealError)?;
    let mut text = plain.to_vec();
    cipher(key)?
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(context), &mut text)
        .map_err(|_| SealError)?;
    Ok([nonce.as_slice(), &text].concat())
}

/// Opens what [`seal`] sealed with the same key and context.
pub(crate) fn open(key: &[u8; 32], context: &[u8], sealed: &[u8]) -> Result<Vec<u8>, SealError> {
    let (nonce, text) = sealed.split_at_checked(NONCE_LEN).ok_or(SealError)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError)?;
    let mut text = text.to_vec();
    let plain = cipher(key)?
        .open_in_place(nonce, Aad::from(context), &mut text)
        .map_err(|_| SealError)?;
    Ok(plain.to_vec())
}

fn cipher(key: &[u8; 32]) -> Result<LessSafeKey, SealError> {
    UnboundKey::new(&AES_256_GCM, key)
        .map(LessSafeKey::new)
        .map_err(|_| SealError)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_key_and_context_open_an_unchanged_seal() {
        let key = derive(b"secret", "purpose");
        let sealed = seal(&key, b"context", b"plain").unwrap();
        assert_eq!(open(&key, b"context", &sealed).unwrap(), b"plain");
        assert_eq!(open(&derive(b"secret", "other"), b"context", &sealed), Err(SealError));
        assert_eq!(open(&key, b"other", &sealed), Err(SealError));
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(open(&key, b"context", &changed), Err(SealError), "{at}");
        }
        assert_eq!(open(&key, b"context", b"short"), Err(SealError));
    }
}
