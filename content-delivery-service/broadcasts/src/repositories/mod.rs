//! Live lectures and their recordings in content's schema.

pub mod broadcast_repository;
pub mod recording_repository;
