//! A playback session: a viewer has opened a video's stream.

use contracts::{PlaybackId, SessionId, Timestamp, UserId, VideoId};
use std::time::Duration;

/// How often a player should report that it is still there.
pub(crate) const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(30);

/// How long a session keeps its place without a sign of life.
pub(crate) const LEASE: Duration = Duration::from_secs(90);
/// After how long a sign of life is written down before the session is served on; a lease that others count in the
/// database is then never older than they believe. While a player loads media, they are written every 30 s anyway.
pub(crate) const RENEWAL: Duration = Duration::from_secs(45);

const SLACK: Duration = Duration::from_secs(15 * 60);
const LONGEST: Duration = Duration::from_secs(6 * 3_600);

/// A session as it is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewPlayback {
    /// The session's own id.
    pub(crate) id: PlaybackId,
    /// What is watched.
    pub(crate) video_id: VideoId,
    /// Who watches; nil without a sign-in.
    pub(crate) user_id: UserId,
    /// The sign-in that opened it, with which the session ends; nil without one.
    pub(crate) session_id: SessionId,
    /// The version of the user's access that opened it; the session ends when a later one is asked for.
    pub(crate) user_version: i64,
    /// The video's policy at that moment; the session ends when it changes.
    pub(crate) policy_version: i64,
    /// Whether it takes an admin's right.
    pub(crate) as_admin: bool,
    /// The key of the link that its viewer came by.
    pub(crate) share_key: Option<String>,
    /// The name of the player that opened it.
    pub(crate) device: String,
    /// Where a viewer without a sign-in comes from: a keyed hash of the network.
    pub(crate) network: Option<i64>,
    /// When it was opened.
    pub(crate) created_at: Timestamp,
    /// When it runs out.
    pub(crate) expires_at: Timestamp,
}

/// A session that holds one of its user's places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LiveSession {
    /// The session's own id.
    pub(crate) id: PlaybackId,
    /// What is watched.
    pub(crate) video_id: VideoId,
    /// Its title.
    pub(crate) title: String,
    /// The name of the player that opened it.
    pub(crate) device: String,
    /// Its last sign of life that was written down.
    pub(crate) seen_at: Timestamp,
}

/// How many sessions hold a place at once; 0 means any number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Places {
    /// Of one user.
    pub(crate) of_user: u32,
    /// Of one lecture, opened without a sign-in.
    pub(crate) of_lecture: u32,
}

/// Where one more viewer without a sign-in finds a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    /// A place is free.
    Free,
    /// This network has to give one up.
    From(i64),
    /// Nowhere.
    Full,
}

/// Finds a place for a viewer from `network`. In a full lecture, a network that holds more than half of the places gives one
/// up to viewers from others, so that one network can't keep everybody else out.
///
/// Shape: `crowd` has how many places each network holds
pub(crate) fn admission(crowd: &[(i64, i64)], network: i64, places: u32) -> Admission {
    let held: i64 = crowd.iter().map(|(_, count)| count).sum();
    if places == 0 || held < i64::from(places) {
        return Admission::Free;
    }
    let largest = crowd.iter().max_by_key(|(_, count)| *count);
    match largest {
        Some((other, count)) if *other != network && count * 2 > i64::from(places) => Admission::From(*other),
        _ => Admission::Full,
    }
}

/// How long a session lasts: one and a half times the lecture and a quarter of an hour, at most six hours.
pub(crate) fn lifetime(duration: Duration) -> Duration {
    duration.saturating_add(duration / 2).saturating_add(SLACK).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_lecture_takes_viewers_from_elsewhere_while_one_network_holds_more_than_half_of_it() {
        let (a, b, c) = (-1, 2, 3);
        assert_eq!(admission(&[], a, 1), Admission::Free);
        assert_eq!(admission(&[(a, 7), (b, 2)], a, 10), Admission::Free);
        assert_eq!(admission(&[(a, 8), (b, 2)], a, 10), Admission::Full);
        assert_eq!(admission(&[(a, 8), (b, 2)], b, 10), Admission::From(a));
        assert_eq!(admission(&[(a, 8), (b, 2)], c, 10), Admission::From(a));
        assert_eq!(admission(&[(a, 5), (b, 5)], c, 10), Admission::Full);
        assert_eq!(admission(&[(a, 900), (b, 900)], c, 0), Admission::Free);
    }

    #[test]
    fn a_session_outlasts_its_lecture_but_never_six_hours() {
        let hour = Duration::from_secs(3_600);
        assert_eq!(lifetime(Duration::ZERO), hour / 4);
        assert_eq!(lifetime(hour), hour * 7 / 4);
        assert_eq!(lifetime(hour * 5), hour * 6);
        assert_eq!(lifetime(Duration::MAX), hour * 6);
    }
}
