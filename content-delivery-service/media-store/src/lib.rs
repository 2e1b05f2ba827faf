//! The media of lectures: what a path below `/p` names, and its bytes.
//!
//! Requests are checked before they come here: nothing in this crate knows who asks.

pub mod live_file;
pub mod media_bytes;
pub mod media_path;
pub mod metric;
pub mod store;
pub mod unread_media;
