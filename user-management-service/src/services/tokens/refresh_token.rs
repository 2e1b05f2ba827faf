//! Refresh tokens, each of which opens its sealed successor.

use super::secret_token::SecretToken;
use crate::models::sessions::session::Successor;
use runtime::secrets::{SealError, Sealer, derive_by_hmac};

const SUCCESSOR_KEY: &str = "moocflix refresh token successor 1";

/// A refresh token in the hands of its owner.
pub(crate) type RefreshToken = SecretToken<Refresh>;

/// The kind of refresh tokens.
#[derive(Clone)]
pub(crate) struct Refresh;

impl RefreshToken {
    /// Makes a successor, and what the database stores of it: its hash, and the token sealed with a key derived from this one.
    pub(crate) fn successor(&self) -> Result<(Self, Successor), SealError> {
        let next = Self::generate()?;
        let sealed = self.sealer()?.seal(&self.hash().0, next.as_bytes())?;
        let stored = Successor {
            hash: next.hash(),
            sealed,
        };
        Ok((next, stored))
    }

    /// Opens the successor of this token.
    pub(crate) fn open(&self, sealed: &[u8]) -> Result<Self, SealError> {
        let plain = self.sealer()?.open(&self.hash().0, sealed)?;
        plain.try_into().map(Self::from_bytes).map_err(|_| SealError)
    }

    fn sealer(&self) -> Result<Sealer, SealError> {
        Sealer::new(&derive_by_hmac(self.as_bytes(), SUCCESSOR_KEY))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_holder_of_a_token_can_open_its_successor() {
        let first = RefreshToken::generate().unwrap();
        let (next, stored) = first.successor().unwrap();
        assert_eq!(first.open(&stored.sealed).unwrap().hash(), next.hash());
        assert_eq!(stored.hash, next.hash());
        assert!(next.open(&stored.sealed).is_err());
        let bytes = next.as_bytes();
        assert!(!stored.sealed.windows(bytes.len()).any(|window| window == bytes));
    }
}
