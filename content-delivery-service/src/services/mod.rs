//! What the service does, in domain words; nothing here knows HTTP.

pub(crate) mod active_uploads;
pub(crate) mod error;
pub(crate) mod media_store;
pub(crate) mod open_playbacks;
pub(crate) mod playback_keys;
pub(crate) mod stream_service;
pub(crate) mod transcode_service;
pub(crate) mod upload_keys;
pub(crate) mod upload_service;
pub(crate) mod upload_store;
pub(crate) mod upload_writer;
pub(crate) mod video_service;
