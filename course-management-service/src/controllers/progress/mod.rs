//! How far people are with a course.

mod csv;
mod documents;
pub(crate) mod list_member_progress;
pub(crate) mod show_progress;
