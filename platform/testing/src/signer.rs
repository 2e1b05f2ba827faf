//! Signs access tokens, valid and invalid ones.

use crate::sure;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use runtime::PublicKey;
use serde_json::{Value, json};
use std::sync::LazyLock;

/// An RSA key with its name.
pub struct Signer {
    /// The key's name in a token's header.
    pub kid: String,
    pair: KeyPair,
}

impl Signer {
    /// A signer with a new key.
    #[must_use]
    pub fn new(kid: &str) -> Self {
        Self::with_pair(kid, sure(KeyPair::generate(KeySize::Rsa2048)))
    }

    /// A signer with a foreign key.
    #[must_use]
    pub fn with_pair(kid: &str, pair: KeyPair) -> Self {
        Self {
            kid: kid.to_owned(),
            pair,
        }
    }

    /// The signer that all tests of a program share, `key-1`: making a key takes long.
    #[must_use]
    pub fn shared() -> &'static Self {
        static SHARED: LazyLock<Signer> = LazyLock::new(|| Signer::new("key-1"));
        &SHARED
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        let key = self.pair.public_key();
        let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let jwk = json!({
            "kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid,
            "n": part(key.modulus().big_endian_without_leading_zero()),
            "e": part(key.exponent().big_endian_without_leading_zero()),
        });
        PublicKey {
            kid: self.kid.clone(),
            jwk: sure(serde_json::from_value(jwk)),
        }
    }

    /// A token with a correct header and these claims.
    #[must_use]
    pub fn sign(&self, claims: &Value) -> String {
        let header = json!({"alg": "RS256", "typ": "at+jwt", "kid": self.kid});
        self.sign_text(&header.to_string(), &claims.to_string())
    }

    /// A token with any header and any claims.
    #[must_use]
    pub fn sign_text(&self, header: &str, claims: &str) -> String {
        let message = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
        let mut signature = vec![0; self.pair.public_modulus_len()];
        let random = SystemRandom::new();
        sure(
            self.pair
                .sign(&RSA_PKCS1_SHA256, &random, message.as_bytes(), &mut signature),
        );
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}
