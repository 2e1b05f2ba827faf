//! What events start.

pub(crate) mod followed_events;
