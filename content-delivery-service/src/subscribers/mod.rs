//! What events start.

pub(crate) mod content_events;
pub(crate) mod course_events;
pub(crate) mod user_events;
