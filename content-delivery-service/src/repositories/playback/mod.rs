//! Playback sessions in the database, and the keys of their tokens.

pub(crate) mod lease_repository;
pub(crate) mod playback_repository;
