//! Playback sessions, and what the media plane serves to them.

pub(crate) mod session;
