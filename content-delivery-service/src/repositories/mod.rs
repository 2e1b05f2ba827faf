//! The only place with SQL: one method is one transaction and writes its own outbox row.

pub mod deletion_repository;
pub(crate) mod playback_key_repository;
pub(crate) mod playback_repository;
pub mod upload_repository;
pub mod video_repository;
