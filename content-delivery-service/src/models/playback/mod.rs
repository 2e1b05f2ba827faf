//! Playback sessions, and what the media plane serves to them.

pub(crate) mod device;
pub(crate) mod session;
