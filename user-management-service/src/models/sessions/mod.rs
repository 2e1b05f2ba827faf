//! Sign-ins, their refresh tokens and the access tokens that are refused early.

pub mod revocation;
pub mod session;
