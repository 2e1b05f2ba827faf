//! The public keys that access tokens are verified with.

pub(crate) mod publish_keys;
pub(crate) mod publish_metadata;
