//! Clients in the database.

pub mod client_repository;
