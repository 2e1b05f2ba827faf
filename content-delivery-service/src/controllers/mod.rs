//! One file a route: read the request, call a service, shape the reply.

pub(crate) mod cancel_upload;
pub(crate) mod delete_video;
pub(crate) mod describe_uploads;
pub(crate) mod errors;
pub(crate) mod fetch_video;
pub(crate) mod heartbeat;
pub(crate) mod list_videos;
pub(crate) mod media_answers;
pub(crate) mod media_reply;
pub(crate) mod request_transcode;
pub(crate) mod resume_upload;
pub(crate) mod serve_index;
pub(crate) mod serve_init;
pub(crate) mod serve_playlist;
pub(crate) mod serve_segment;
pub(crate) mod state;
pub(crate) mod stream_video;
pub(crate) mod tus_headers;
pub(crate) mod update_video;
pub(crate) mod upload_video;
pub(crate) mod watch_events;
mod whole_body;
