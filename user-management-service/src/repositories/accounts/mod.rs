//! Accounts in the database.

pub(crate) mod addresses;
pub mod directory_repository;
pub mod user_repository;
