//! Sign-ins and revocations in the database.

pub(crate) mod devices;
pub mod revocation_repository;
pub mod session_repository;
