//! How far the caller has watched a lecture.

pub(crate) mod record_watch;
pub(crate) mod show_watch;
