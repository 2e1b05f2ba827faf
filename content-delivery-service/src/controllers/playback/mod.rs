//! Streams: opened with a sign-in, then served on the media plane to whoever holds the token.

pub(crate) mod heartbeat;
pub(crate) mod media_answers;
pub(crate) mod media_reply;
pub(crate) mod serve_index;
pub(crate) mod serve_init;
pub(crate) mod serve_playlist;
pub(crate) mod serve_segment;
pub(crate) mod stream_video;
