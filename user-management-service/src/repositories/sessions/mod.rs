//! Sign-ins and revocations in the database.

pub mod revocation_repository;
pub mod session_repository;
