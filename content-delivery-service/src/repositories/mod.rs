//! The only place with SQL: one method is one transaction and writes its own outbox row.

pub(crate) mod upload_repository;
pub mod video_repository;
