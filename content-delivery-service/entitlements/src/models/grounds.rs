//! What the right of one viewer to one lecture rests on.

use super::sharing::{ShareKey, Visibility};
use contracts::{CourseAccess, CourseId, CourseRole, CourseStatus, PlaybackId, Timestamp, UserId};

/// Everything that decides what a viewer may do with a lecture, but for who the viewer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grounds {
    /// The lecture's owner.
    pub owner: UserId,
    /// Who may watch it without a course.
    pub visibility: Visibility,
    /// The key of its link, while it has one.
    pub share_key: Option<ShareKey>,
    /// The courses that have the lecture; one that has it twice is here twice.
    pub courses: Vec<CourseGround>,
}

/// A course that has the lecture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CourseGround {
    /// The course.
    pub course: CourseId,
    /// The last event that has been taken in of the course and its members; 0 if that is not known.
    pub sequence: i64,
    /// The course's status.
    pub status: CourseStatus,
    /// Who may watch while it is published.
    pub access: CourseAccess,
    /// When it opens.
    pub opens_at: Option<Timestamp>,
    /// When it ends.
    pub ends_at: Option<Timestamp>,
    /// When the module with the lecture opens.
    pub module_opens_at: Option<Timestamp>,
    /// The viewer's role in it; none if they are no member.
    pub role: Option<CourseRole>,
}

/// An open playback session, and what its viewer's right rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Viewing {
    /// The session.
    pub playback: PlaybackId,
    /// The viewer; nil without a sign-in.
    pub user: UserId,
    /// The key of the link that they came by.
    pub key: Option<String>,
    /// When the session runs out.
    pub expires_at: Timestamp,
    /// The grounds.
    pub grounds: Grounds,
}
