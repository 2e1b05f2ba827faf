//! Accounts in the database.

pub(crate) mod addresses;
pub mod user_repository;
