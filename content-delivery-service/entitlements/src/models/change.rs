//! What a change of a course or of a membership affects.

use contracts::{CourseId, UserId, VideoId};

/// Whose right may have changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Affected {
    /// Nobody's: the change was known.
    Nobody,
    /// Everybody's to these lectures.
    Viewers(Vec<VideoId>),
    /// One user's to the lectures of a course.
    Member(CourseId, UserId),
}

/// What became of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Whose right it may have changed.
    pub affected: Affected,
    /// Whether earlier events of the same aggregate are missing.
    pub is_gap: bool,
}

impl Change {
    /// The change of an event that is not newer than what is known.
    pub(crate) const KNOWN: Self = Self {
        affected: Affected::Nobody,
        is_gap: false,
    };
}
