//! How far people have watched lectures.

pub mod progress;
pub mod seen;
