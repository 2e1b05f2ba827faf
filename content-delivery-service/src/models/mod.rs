//! Plain data and its rules; nothing here reads, writes or waits.

pub(crate) mod creation;
pub(crate) mod multipart;
pub(crate) mod text;
pub(crate) mod tus;
pub(crate) mod upload;
pub mod video;
pub(crate) mod video_document;
