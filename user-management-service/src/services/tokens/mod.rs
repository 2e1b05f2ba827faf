//! Tokens: those that are signed, and those that are secrets.

pub(crate) mod refresh_token;
pub(crate) mod secret_token;
pub(crate) mod token_issuer;
