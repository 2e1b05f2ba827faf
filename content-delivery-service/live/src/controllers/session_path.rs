//! The names of a session in its path.

use crate::sessions::{Known, Sessions};
use contracts::VideoId;
use contracts::questions::live::Watch;
use uuid::Uuid;

/// Whether a path is the one of a viewer's session: `/p/{token}/{video_id}/whep/{session}`.
pub(crate) fn is_viewers(path: &str) -> bool {
    let mut steps = path.strip_prefix("/p/").unwrap_or_default().split('/');
    let whep = steps.nth(2) == Some("whep");
    whep && steps.next().is_some() && steps.next().is_none()
}

/// What is known of a publisher's session, and its id.
pub(crate) fn publishers(sessions: &Sessions, video: &str, session: &str) -> (Known, Uuid) {
    let named = video.parse::<VideoId>().ok().zip(session.parse::<Uuid>().ok());
    named.map_or((Known::Unknown, Uuid::nil()), |(video, id)| {
        (sessions.known(video, None, id), id)
    })
}

/// The same of a viewer's.
pub(crate) fn viewers(sessions: &Sessions, token: &str, video: &str, session: &str) -> (Known, Uuid) {
    let named = video.parse::<VideoId>().ok().zip(session.parse::<Uuid>().ok());
    named.map_or((Known::Unknown, Uuid::nil()), |(video, id)| {
        let watch = Watch {
            video,
            token: token.to_owned(),
        };
        (sessions.known(video, Some(&watch), id), id)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_paths_of_viewers_sessions_are_taken() {
        assert!(is_viewers("/p/TOKEN/VIDEO/whep/SESSION"));
        for other in [
            "/p/TOKEN/VIDEO/whep",
            "/p/TOKEN/VIDEO/whep/SESSION/more",
            "/p/TOKEN/VIDEO/index.m3u8",
            "/p/TOKEN/whep/SESSION",
            "/api/v1/content/live/ID/whep",
        ] {
            assert!(!is_viewers(other), "{other}");
        }
    }
}
