//! Sign-ins, refresh tokens and revocations.

pub(crate) mod public_address;
pub(crate) mod return_path;
pub mod revocation;
pub mod session;
