//! SQL about plans and pieces: one method is one transaction and writes its own outbox row.

pub mod descriptions;
pub mod ladder_repository;
pub mod per_videos;
pub mod plan_repository;
mod plan_rows;
pub(crate) mod requests;
pub mod transcode_repository;
