//! SQL about courses, their items and their members, about the places of playback sessions, and the keys of their tokens.

pub mod change_repository;
pub mod course_repository;
pub mod grounds_repository;
pub mod lease_repository;
pub mod playback_key_repository;
