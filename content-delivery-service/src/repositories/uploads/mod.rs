//! Uploads in the database.

pub mod upload_repository;
