//! Streams: opened with a sign-in, then served on the media plane to players that hold the token.

mod documents;
pub(crate) mod end_playback;
mod errors;
pub(crate) mod heartbeat;
pub(crate) mod media_reply;
pub(crate) mod serve_index;
pub(crate) mod serve_init;
pub(crate) mod serve_playlist;
pub(crate) mod serve_segment;
pub(crate) mod stream_video;
