//! Playback sessions, and what the media plane serves to them.

pub(crate) mod device;
pub(crate) mod media_bytes;
pub(crate) mod media_path;
pub(crate) mod session;
