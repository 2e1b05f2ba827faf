//! The routes of uploads and lectures over HTTP, on real embedded back ends: one module a controller.

#[cfg(test)]
mod cancel_upload;
#[cfg(test)]
mod delete_video;
#[cfg(test)]
mod describe_uploads;
#[cfg(test)]
mod fetch_video;
#[cfg(test)]
mod list_videos;
#[cfg(test)]
mod resume_upload;
#[cfg(test)]
mod server;
#[cfg(test)]
mod takeover;
#[cfg(test)]
mod transcode;
#[cfg(test)]
mod update_video;
#[cfg(test)]
mod upload_video;
#[cfg(test)]
mod watch_events;
#[cfg(test)]
mod whole_body;
