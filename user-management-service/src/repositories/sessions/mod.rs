//! Sign-ins and refused access tokens in the database.

pub mod revocation_repository;
pub mod session_repository;
