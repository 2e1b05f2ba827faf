//! SQL about courses, their items and their members.

pub mod change_repository;
pub mod course_repository;
pub mod grounds_repository;
