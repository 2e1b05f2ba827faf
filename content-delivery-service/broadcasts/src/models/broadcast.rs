//! A live lecture as the database keeps it.

use contracts::{CourseId, PlaybackId, Timestamp, UserId, VideoId};
use std::time::Duration;

/// The longest time that a lecture is live.
pub const LONGEST: Duration = Duration::from_secs(12 * 3_600);
/// How long a node holds a lecture without renewing its lease. Other nodes don't wait for that: one that doesn't answer them is
/// passed over.
pub const LEASE: Duration = Duration::from_secs(8);
/// The number of the lease of a lecture that no node has held yet.
pub const NEVER_HELD: i64 = 0;

/// A live lecture that somebody announces or begins.
#[derive(Debug, Clone)]
pub struct NewBroadcast {
    /// Whose it is.
    pub owner: UserId,
    /// One line.
    pub title: String,
    /// May have several lines, may be empty.
    pub description: String,
    /// The course that it is announced for.
    pub course_id: Option<CourseId>,
    /// When it is to begin, if that is announced.
    pub starts_at: Option<Timestamp>,
}

/// A change of what people say of a live lecture; an absent field stays.
#[derive(Debug, Clone, Default)]
pub struct BroadcastEdit {
    /// One line.
    pub title: Option<String>,
    /// May have several lines, may be empty.
    pub description: Option<String>,
    /// When it is to begin; the inner `None` takes the announcement back.
    pub starts_at: Option<Option<Timestamp>>,
}

/// Where a live lecture is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It has not begun.
    Scheduled,
    /// It is published, or waits for its publisher to come back.
    Live,
    /// It is over.
    Ended,
}

impl Phase {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Live => "live",
            Self::Ended => "ended",
        }
    }
}

/// The node that holds a lecture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Counts how often a node has taken it.
    pub number: i64,
    /// The node's address.
    pub node: String,
    /// When it runs out unless it is renewed.
    pub until: Timestamp,
}

/// A live lecture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broadcast {
    /// The video.
    pub id: VideoId,
    /// Whose it is.
    pub owner_id: UserId,
    /// One line.
    pub title: String,
    /// May have several lines, may be empty.
    pub description: String,
    /// Whether the video was deleted.
    pub is_deleted: bool,
    /// Counts the edits of the video.
    pub version: i64,
    /// Counts every change of the video.
    pub changes: i64,
    /// The course that it was announced for.
    pub course_id: Option<CourseId>,
    /// When it is to begin.
    pub starts_at: Option<Timestamp>,
    /// When it was first published.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// When its recording was complete.
    pub recorded_at: Option<Timestamp>,
    /// The version of its stream key.
    pub key_version: i64,
    /// The node that holds it, or held it last.
    pub lease: Option<Lease>,
    /// When somebody was last seen publishing it.
    pub published_at: Option<Timestamp>,
}

impl Broadcast {
    /// Where it is in its life.
    #[must_use]
    pub fn phase(&self) -> Phase {
        match (self.started_at, self.ended_at) {
            (_, Some(_)) => Phase::Ended,
            (Some(_), None) => Phase::Live,
            (None, None) => Phase::Scheduled,
        }
    }

    /// Whether it has to end although nobody said so: nobody has published it for too long, or it is too long itself.
    #[must_use]
    pub fn is_overdue(&self, end_after: Duration, now: Timestamp) -> bool {
        let Some(started) = self.started_at.filter(|_| self.ended_at.is_none()) else {
            return false;
        };
        let seen = self.published_at.unwrap_or(started);
        now.since(seen) >= end_after || now.since(started) >= LONGEST
    }
}

/// Somebody's time in a lecture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presence {
    /// The playback session.
    pub session: PlaybackId,
    /// Who.
    pub user: UserId,
    /// When they came.
    pub from: Timestamp,
    /// When they left or were last seen, or when the lecture ended.
    pub until: Timestamp,
}

/// Two presences with less between them are one.
const PAUSE: Duration = Duration::from_secs(10);

/// The times of each person, in the order in which they came; what overlaps is one.
#[must_use]
pub fn attendance(mut presences: Vec<Presence>) -> Vec<Presence> {
    presences.sort_by_key(|it| (it.user, it.from));
    let mut merged: Vec<Presence> = Vec::new();
    for next in presences {
        match merged.last_mut() {
            Some(last) if last.user == next.user && next.from <= last.until + PAUSE => {
                last.until = last.until.max(next.until);
            }
            _ => merged.push(next),
        }
    }
    merged.sort_by_key(|it| (it.from, it.user));
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn presence(user: UserId, from: i64, until: i64) -> Presence {
        Presence {
            session: PlaybackId::generate(),
            user,
            from: Timestamp::from_seconds(from),
            until: Timestamp::from_seconds(until),
        }
    }

    #[test]
    fn somebody_who_watches_in_two_places_or_reloads_attends_once() {
        let (one, two) = (UserId::generate(), UserId::generate());
        let all = attendance(vec![
            presence(one, 100, 200),
            presence(two, 90, 95),
            presence(one, 150, 180),
            presence(one, 205, 300),
            presence(one, 400, 410),
        ]);
        let times = all.iter().map(|it| (it.user, it.from.seconds(), it.until.seconds()));
        let expected = [(two, 90, 95), (one, 100, 300), (one, 400, 410)];
        assert_eq!(times.collect::<Vec<_>>(), expected);
    }
}
