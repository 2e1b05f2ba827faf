//! What the content service and the role `live` both know of live lectures.
//!
//! A live lecture is a video from the start. Beside the video's row stands one with its times, the version of its stream key
//! and the lease of the node that holds it; its recording is the list of its segments, each an object of its own.
//!
//! `repositories` → `models`.

pub mod models;
pub mod repositories;
