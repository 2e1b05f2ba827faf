//! Device tokens: 256 random bits by which an account knows a browser that has signed in to it before.

use crate::models::sessions::session::TokenHash;
use aws_lc_rs::{digest, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use runtime::secrets::SealError;
use secrecy::SecretString;

const BYTES: usize = 32;

/// A device token in the hands of its browser.
#[derive(Clone)]
pub(crate) struct DeviceToken([u8; BYTES]);

impl DeviceToken {
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

    /// The text that its browser gets.
    pub(crate) fn text(&self) -> SecretString {
        SecretString::from(URL_SAFE_NO_PAD.encode(self.0))
    }

    /// The hash that the database stores.
    pub(crate) fn hash(&self) -> TokenHash {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest::digest(&digest::SHA256, &self.0).as_ref());
        TokenHash(hash)
    }
}
