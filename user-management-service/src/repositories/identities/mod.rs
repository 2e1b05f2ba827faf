//! People of other issuers in the database.

pub mod identity_repository;
