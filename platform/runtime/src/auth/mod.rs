//! Who makes a request: access tokens, their issuers and keys, and what ends a token early.

pub(crate) mod auth_error;
pub(crate) mod authenticator;
pub(crate) mod external;
pub(crate) mod identify;
pub(crate) mod internal_keys;
pub(crate) mod issuer;
pub(crate) mod keys;
pub(crate) mod principal;
pub(crate) mod revocations;
pub(crate) mod token;
