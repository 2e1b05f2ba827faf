//! Courses.

pub(crate) mod code;
pub mod course;
pub(crate) mod publication;
