//! Lectures in the database, and their deletion with all that belongs to them.

pub mod deletion_repository;
pub mod lecture_repository;
pub mod video_repository;
