//! Keys that sign access tokens, as the database keeps them.

use contracts::Timestamp;

/// A signing key whose private part is sealed with the platform's secret.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedKey {
    /// The key's name in tokens and in the JWKS.
    pub kid: String,
    /// The private key, sealed.
    pub sealed: Vec<u8>,
    /// The public key, an `RSAPublicKey` in DER.
    pub public_key: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it begins to sign; it is published before.
    pub active_from: Timestamp,
}
