//! Keys that sign access tokens, as the database stores them.

use contracts::Timestamp;

/// A signing key; the private part is sealed with the platform's secret.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedKey {
    /// The key's name in tokens and in the JWKS.
    pub kid: String,
    /// The private key, sealed.
    pub sealed: Vec<u8>,
    /// The public key, an `RSAPublicKey` in DER.
    pub public_key: Vec<u8>,
    /// When the key was generated.
    pub created_at: Timestamp,
    /// When the key starts to sign; it is published earlier.
    pub active_from: Timestamp,
}
