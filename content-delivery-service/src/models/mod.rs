//! Plain data and its rules; nothing here reads, writes or waits.

pub mod creation;
pub(crate) mod media_path;
pub(crate) mod multipart;
pub(crate) mod piece;
pub(crate) mod playback;
pub(crate) mod playback_token;
pub(crate) mod text;
pub(crate) mod tus;
pub mod upload;
pub mod video;
pub(crate) mod video_document;
