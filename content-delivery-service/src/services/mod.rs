//! What the service does, in domain words; nothing here knows HTTP.

pub(crate) mod access_service;
pub(crate) mod audit_service;
pub(crate) mod course_service;
pub(crate) mod error;
pub(crate) mod lecture_answers;
pub(crate) mod live_gate;
pub(crate) mod stream_service;
pub(crate) mod transcode_service;
pub(crate) mod upload_service;
pub(crate) mod video_service;
pub(crate) mod watch_answers;
pub(crate) mod watch_service;
