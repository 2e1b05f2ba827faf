//! Refresh tokens: 256 random bits, of which the database stores a hash.

use crate::models::sessions::session::{Successor, TokenHash};
use aws_lc_rs::{digest, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use runtime::secrets::{SealError, Sealer, derive_by_hmac};
use secrecy::SecretString;

const BYTES: usize = 32;
const SUCCESSOR_KEY: &str = "moocflix refresh token successor 1";

/// A refresh token in the hands of its owner.
#[derive(Clone)]
pub(crate) struct RefreshToken([u8; BYTES]);

impl RefreshToken {
    /// Makes a new token.
    pub(crate) fn generate() -> Result<Self, SealError> {
        let mut token = [0; BYTES];
        rand::fill(&mut token).map_err(|_| SealError)?;
        Ok(Self(token))
    }

    /// Reads the one spelling that is given out.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        bytes.try_into().ok().map(Self)
    }

    /// The text that its owner gets.
    pub(crate) fn text(&self) -> SecretString {
        SecretString::from(URL_SAFE_NO_PAD.encode(self.0))
    }

    /// The hash that the database stores.
    pub(crate) fn hash(&self) -> TokenHash {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest::digest(&digest::SHA256, &self.0).as_ref());
        TokenHash(hash)
    }

    /// Makes a successor, and what the database stores of it: its hash, and the token sealed with a key derived from this one.
    pub(crate) fn successor(&self) -> Result<(Self, Successor), SealError> {
        let next = Self::generate()?;
        let sealed = self.sealer()?.seal(&self.hash().0, &next.0)?;
        let stored = Successor {
            hash: next.hash(),
            sealed,
        };
        Ok((next, stored))
    }

    /// Opens the successor of this token.
    pub(crate) fn open(&self, sealed: &[u8]) -> Result<Self, SealError> {
        let plain = self.sealer()?.open(&self.hash().0, sealed)?;
        plain.try_into().map(Self).map_err(|_| SealError)
    }

    fn sealer(&self) -> Result<Sealer, SealError> {
        Sealer::new(&derive_by_hmac(&self.0, SUCCESSOR_KEY))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    #[test]
    fn only_the_holder_of_a_token_can_open_its_successor() {
        let first = RefreshToken::generate().unwrap();
        let (next, stored) = first.successor().unwrap();
        assert_eq!(first.open(&stored.sealed).unwrap().hash(), next.hash());
        assert_eq!(stored.hash, next.hash());
        assert!(next.open(&stored.sealed).is_err());
        assert!(!stored.sealed.windows(BYTES).any(|window| window == next.0));
    }

    #[test]
    fn only_the_spelling_that_is_given_out_is_read() {
        let token = RefreshToken::generate().unwrap();
        let text = token.text().expose_secret().to_owned();
        assert_eq!(text.len(), 43);
        assert!(RefreshToken::parse(&text).is_some());
        for other in [
            format!("{text}="),
            format!("{text}A"),
            text[1..].to_owned(),
            String::new(),
        ] {
            assert!(RefreshToken::parse(&other).is_none(), "{other}");
        }
    }
}
