//! A module with its items.

use contracts::{ItemId, ModuleId, Timestamp, VideoId};

/// The only kind of item so far.
pub(crate) const VIDEO: &str = "video";

/// A part of a course.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Module {
    /// Its id.
    pub id: ModuleId,
    /// One line.
    pub title: String,
    /// When learners may watch it; none if they may as soon as the course is open.
    pub opens_at: Option<Timestamp>,
    /// Its items in their order.
    pub items: Vec<Item>,
}

/// A lecture in a module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its id.
    pub id: ItemId,
    /// The lecture.
    pub video_id: VideoId,
    /// One line.
    pub title: String,
    /// The lecture's state.
    pub state: State,
}

/// The state of an item's lecture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// The lecture exists, with this status.
    Known {
        /// Its status, by name.
        status: String,
        /// Whether it can be watched.
        is_playable: bool,
        /// When a live lecture that has not begun is to begin.
        starts_at: Option<Timestamp>,
    },
    /// The lecture was deleted.
    Deleted,
}

impl State {
    /// The name on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Known { status, .. } => status,
            Self::Deleted => "deleted",
        }
    }

    /// When a live lecture that has not begun is to begin, if that was announced.
    #[must_use]
    pub const fn starts_at(&self) -> Option<Timestamp> {
        match self {
            Self::Known { starts_at, .. } => *starts_at,
            Self::Deleted => None,
        }
    }

    /// Whether the lecture is live now.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.as_str() == "live"
    }

    /// Whether the lecture is a live one that has not begun.
    #[must_use]
    pub fn is_scheduled(&self) -> bool {
        self.as_str() == "scheduled"
    }

    /// Whether the lecture can be watched.
    #[must_use]
    pub const fn is_playable(&self) -> bool {
        matches!(self, Self::Known { is_playable: true, .. })
    }
}

/// A change of a module: `None` keeps a field, `Some(None)` clears it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModuleChange {
    /// The new title.
    pub title: Option<String>,
    /// When learners may watch it.
    pub opens_at: Option<Option<Timestamp>>,
}
