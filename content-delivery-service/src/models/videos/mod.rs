//! Lectures.

pub mod video;
pub(crate) mod video_document;
