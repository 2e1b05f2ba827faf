//! Checks that run before a controller.

pub(crate) mod validate_stream;
pub(crate) mod validate_upload;
