//! Playback sessions in the database.

pub(crate) mod playback_repository;
