//! Plain data and its rules.

pub mod courses;
pub mod enrolments;
pub mod outline;
pub(crate) mod progress;
