//! The routes of uploads and lectures over HTTP, on real embedded back ends: one module a controller.

mod cancel_upload;
mod delete_video;
mod describe_uploads;
mod fetch_video;
mod list_videos;
mod resume_upload;
mod server;
mod takeover;
mod update_video;
mod upload_video;
mod watch_events;
mod whole_body;
