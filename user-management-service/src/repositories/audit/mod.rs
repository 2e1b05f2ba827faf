//! The audit in the database.

pub mod audit_repository;
