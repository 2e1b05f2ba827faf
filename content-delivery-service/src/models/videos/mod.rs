//! Lectures, and the texts that people give them.

pub(crate) mod overview;
pub mod sharing;
pub(crate) mod text;
pub mod video;
