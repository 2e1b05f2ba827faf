//! Every route over HTTP, on real embedded back ends, and every repository method on both engines.

#[cfg(test)]
mod courses {
    pub(crate) mod answers;
    mod answers_about_others;
    pub(crate) mod classroom;
    mod ends;
    mod lists;
    mod projection;
    mod reconciling;
    mod rights;
}
#[cfg(test)]
mod lecture_answers;
#[cfg(test)]
mod live {
    mod attendance;
    mod lectures;
    mod publisher;
    mod publishing;
    mod recorder;
    mod recordings;
}
#[cfg(test)]
mod playback {
    pub(crate) mod films;
    mod media_plane;
    mod revocation;
    mod scan;
    mod sessions;
    mod stream;
    mod watching;
}
#[cfg(test)]
mod repositories;
#[cfg(test)]
mod server;
#[cfg(test)]
mod transcode;
#[cfg(test)]
mod uploads {
    mod cancel_upload;
    mod describe_uploads;
    mod quotas;
    mod resume_upload;
    mod sign_outs;
    mod takeover;
    mod upload_video;
    mod whole_body;
}
#[cfg(test)]
mod videos {
    mod audit;
    mod delete_video;
    mod deletions;
    mod fetch_video;
    mod list_videos;
    mod update_video;
    pub(crate) mod watch_events;
}
#[cfg(test)]
mod watching;
