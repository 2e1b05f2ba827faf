//! Uploads in the database.

pub mod upload_repository;
pub(crate) mod usage;
