//! Lectures as their owners and admins handle them, with their renditions.

pub(crate) mod delete_video;
pub(crate) mod documents;
mod errors;
pub(crate) mod fetch_video;
pub(crate) mod list_audit;
pub(crate) mod list_videos;
pub(crate) mod request_transcode;
pub(crate) mod show_access;
pub(crate) mod update_video;
pub(crate) mod watch_events;
