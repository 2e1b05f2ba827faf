//! Accounts in the database.

pub mod user_repository;
