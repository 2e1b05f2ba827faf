//! SQL about courses, their items and their members, and about the keys of playback tokens.

pub mod change_repository;
pub mod course_repository;
pub mod grounds_repository;
pub mod playback_key_repository;
