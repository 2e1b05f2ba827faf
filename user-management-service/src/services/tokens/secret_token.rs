//! Secret tokens: 256 random bits in a client's hands, of which the database stores a hash.

use crate::models::sessions::session::TokenHash;
use aws_lc_rs::{digest, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use runtime::secrets::SealError;
use secrecy::SecretString;
use std::marker::PhantomData;

const BYTES: usize = 32;

/// A secret token; `Kind` keeps tokens for different uses apart.
#[derive(Clone)]
pub(crate) struct SecretToken<Kind>([u8; BYTES], PhantomData<Kind>);

impl<Kind> SecretToken<Kind> {
    /// Makes a new token.
    pub(crate) fn generate() -> Result<Self, SealError> {
        let mut token = [0; BYTES];
        rand::fill(&mut token).map_err(|_| SealError)?;
        Ok(Self::from_bytes(token))
    }

    pub(crate) fn from_bytes(token: [u8; BYTES]) -> Self {
        Self(token, PhantomData)
    }

    pub(crate) fn as_bytes(&self) -> &[u8; BYTES] {
        &self.0
    }

    /// Reads the one spelling that is given out.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        bytes.try_into().ok().map(Self::from_bytes)
    }

    /// The text that the client gets.
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

/// By this token an account knows a browser that has signed in to it before.
pub(crate) type DeviceToken = SecretToken<Device>;

/// The kind of device tokens.
#[derive(Clone)]
pub(crate) struct Device;

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    #[test]
    fn only_the_spelling_that_is_given_out_is_read() {
        let token = SecretToken::<()>::generate().unwrap();
        let text = token.text().expose_secret().to_owned();
        assert_eq!(text.len(), 43);
        assert!(SecretToken::<()>::parse(&text).is_some_and(|read| read.hash() == token.hash()));
        for other in [
            format!("{text}="),
            format!("{text}A"),
            text[1..].to_owned(),
            String::new(),
        ] {
            assert!(SecretToken::<()>::parse(&other).is_none(), "{other}");
        }
    }
}
