//! Uploads: begun, continued and ended, by tus or in one request.

pub(crate) mod cancel_upload;
pub(crate) mod describe_uploads;
mod errors;
mod idempotency;
pub(crate) mod resume_upload;
pub(crate) mod show_usage;
pub(crate) mod tus;
mod tus_headers;
mod tus_metadata;
pub(crate) mod upload_video;
mod whole_body;
