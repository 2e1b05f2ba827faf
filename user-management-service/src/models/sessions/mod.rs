//! Sign-ins, refresh tokens and revocations.

pub(crate) mod attempt;
pub(crate) mod public_address;
pub mod revocation;
pub mod session;
