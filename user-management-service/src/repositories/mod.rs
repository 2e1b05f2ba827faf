//! The only place with SQL: one method is one transaction and writes its own outbox row.

pub mod accounts;
pub mod audit;
pub mod clients;
pub mod identities;
pub mod keys;
pub mod rows;
pub mod sessions;
