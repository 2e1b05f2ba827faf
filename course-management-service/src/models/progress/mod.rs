//! How far people are with courses.

pub(crate) mod summary;
