//! The only place with SQL: one method is one transaction and writes its own outbox row.

pub(crate) mod ladder_repository;
pub(crate) mod plan_repository;
pub(crate) mod playback_key_repository;
pub(crate) mod playback_repository;
pub(crate) mod transcode_repository;
pub mod upload_repository;
pub mod video_repository;
