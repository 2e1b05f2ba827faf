//! Courses in the database.

pub mod audit_repository;
pub mod change_repository;
pub mod course_repository;
