//! A lecture with the state of its upload and of its encoders.

use super::video::Video;
use crate::models::uploads::upload::Upload;
use renditions::models::lecture::Rendition;

/// Who looks at a lecture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Its owner and admins.
    Handlers,
    /// Those who may watch it.
    Watchers,
    /// The same without a sign-in.
    Everybody,
}

/// A lecture as its owner and admins see it.
#[derive(Debug, Clone)]
pub(crate) struct Overview {
    pub(crate) video: Video,
    /// The upload, while its bytes are coming.
    pub(crate) upload: Option<Upload>,
    /// The upload's key, for those who may continue it.
    pub(crate) key: Option<String>,
    pub(crate) encoding: Encoding,
}

/// The progress of a lecture's renditions.
#[derive(Debug, Clone)]
pub(crate) struct Encoding {
    /// The encoded share of all planned renditions, 0 to 1.
    pub(crate) progress: f64,
    pub(crate) renditions: Vec<Rendition>,
    /// Seconds until all of it is encoded; none while unknown, or while no encoder works.
    pub(crate) time_left: Option<u32>,
}

impl Encoding {
    /// As the lecture's row says, with no encoder at work.
    pub(crate) fn at_rest(video: &Video) -> Self {
        Self {
            progress: video.progress(),
            renditions: video.media.renditions.clone(),
            time_left: None,
        }
    }
}
