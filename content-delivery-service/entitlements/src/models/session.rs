//! A playback session: a viewer has opened a video's stream.

use contracts::{ClientId, PlaybackId, SessionId, Timestamp, UserId, VideoId};
use std::time::Duration;

/// How often a player should report that it is still there.
pub const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(30);

/// How long a session keeps its place without a sign of life.
pub const LEASE: Duration = Duration::from_secs(90);
/// After how long a sign of life is written down before the session is served on; a lease that others count in the
/// database is then never older than they believe. While a player loads media, they are written every 30 s anyway.
pub const RENEWAL: Duration = Duration::from_secs(45);

const SLACK: Duration = Duration::from_secs(15 * 60);
/// The longest time that a session lasts, and how long one of a lecture that is live does.
pub const LONGEST: Duration = Duration::from_secs(6 * 3_600);

/// A session as it is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPlayback {
    /// The session's own id.
    pub id: PlaybackId,
    /// What is watched.
    pub video_id: VideoId,
    /// Who watches; nil without a sign-in.
    pub user_id: UserId,
    /// The sign-in that opened it, with which the session ends; nil without one, and unique for a client's.
    pub session_id: SessionId,
    /// The client that opened it for the user, if one did.
    pub client_id: Option<ClientId>,
    /// The version of the user's access that opened it; the session ends when a later one is asked for.
    pub user_version: i64,
    /// The video's policy at that moment; the session ends when it changes.
    pub policy_version: i64,
    /// Whether courses and sharing don't matter to it: it takes an admin's right, or a client's word.
    pub regardless: bool,
    /// The key of the link that its viewer came by.
    pub share_key: Option<String>,
    /// The name of the player that opened it.
    pub device: String,
    /// Where a viewer without a sign-in comes from: a keyed hash of the network.
    pub network: Option<i64>,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it runs out.
    pub expires_at: Timestamp,
}

/// A session that holds one of its user's places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveSession {
    /// The session's own id.
    pub id: PlaybackId,
    /// The client that opened it, if one did.
    pub client: Option<ClientId>,
    /// What is watched.
    pub video_id: VideoId,
    /// Its title.
    pub title: String,
    /// The name of the player that opened it.
    pub device: String,
    /// Its last sign of life that was written down.
    pub seen_at: Timestamp,
}

/// How long a session lasts: one and a half times the lecture and a quarter of an hour, at most six hours.
#[must_use]
pub fn lifetime(duration: Duration) -> Duration {
    duration.saturating_add(duration / 2).saturating_add(SLACK).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_outlasts_its_lecture_but_never_six_hours() {
        let hour = Duration::from_secs(3_600);
        assert_eq!(lifetime(Duration::ZERO), hour / 4);
        assert_eq!(lifetime(hour), hour * 7 / 4);
        assert_eq!(lifetime(hour * 5), hour * 6);
        assert_eq!(lifetime(Duration::MAX), hour * 6);
    }
}
