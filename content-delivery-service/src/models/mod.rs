//! Plain data and its rules; nothing here reads, writes or waits.

pub mod creation;
pub mod ladder;
pub(crate) mod media_path;
pub(crate) mod multipart;
pub(crate) mod outcome;
pub(crate) mod piece;
pub mod plan;
pub(crate) mod playback;
pub(crate) mod playback_token;
pub mod publication;
pub(crate) mod rendition_index;
pub mod survey;
pub(crate) mod text;
pub(crate) mod time_left;
pub(crate) mod tus;
pub mod upload;
pub mod video;
pub(crate) mod video_document;
