//! Sign-ins, refresh tokens and revocations.

pub mod revocation;
pub mod session;
