//! What the service does, in domain words; nothing here knows HTTP.

pub(crate) mod active_uploads;
pub(crate) mod error;
pub(crate) mod signatures;
pub(crate) mod upload_service;
pub(crate) mod upload_writer;
pub(crate) mod video_service;
