//! Lectures, and the texts that people give them.

pub(crate) mod overview;
pub(crate) mod text;
pub mod video;
pub mod video_edit;
