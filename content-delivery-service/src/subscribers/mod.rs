//! What content does when something happened elsewhere.

pub(crate) mod content_events;
pub(crate) mod user_events;
