//! Signing keys in the database.

pub mod key_repository;
