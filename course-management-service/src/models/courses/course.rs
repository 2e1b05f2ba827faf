//! A course as the database keeps it.

use contracts::{CourseAccess, CourseId, CourseRole, CourseStatus, Timestamp, UserId};
use std::str::FromStr;

/// How people become learners by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = CourseJoin)]
pub enum Joining {
    /// Everyone who is signed in may enrol.
    #[serde(rename = "self")]
    Oneself,
    /// Whoever has the course's code may enrol.
    Code,
    /// Only teachers enrol people.
    Closed,
}

impl Joining {
    /// The name on the wire and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Oneself => "self",
            Self::Code => "code",
            Self::Closed => "closed",
        }
    }
}

impl FromStr for Joining {
    type Err = contracts::UnknownName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Oneself, Self::Code, Self::Closed]
            .into_iter()
            .find(|joining| joining.as_str() == text)
            .ok_or(contracts::UnknownName)
    }
}

/// A course.
#[derive(Debug, Clone, PartialEq)]
pub struct Course {
    /// Its id.
    pub id: CourseId,
    /// Whose it is.
    pub owner_id: UserId,
    /// One line.
    pub title: String,
    /// May have several lines, may be empty.
    pub description: String,
    /// Its status.
    pub status: CourseStatus,
    /// Who may watch while it is published.
    pub access: CourseAccess,
    /// How people become learners by themselves.
    pub joining: Joining,
    /// The code to join with, while people join by code.
    pub code: Option<String>,
    /// When its lectures open.
    pub opens_at: Option<Timestamp>,
    /// When it ends.
    pub ends_at: Option<Timestamp>,
    /// How much of a lecture completes it; none if the installation decides.
    pub completed_share: Option<f64>,
    /// Counts the edits of the course and of its outline.
    pub version: i64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Course {
    /// Whether it has ended.
    #[must_use]
    pub fn has_ended(&self, now: Timestamp) -> bool {
        self.ends_at.is_some_and(|end| end <= now)
    }
}

/// A course with the role that somebody has in it.
#[derive(Debug, Clone, PartialEq)]
pub struct CourseOf {
    /// The course.
    pub course: Course,
    /// The role; none if they are no member.
    pub role: Option<CourseRole>,
}

/// A course to create.
#[derive(Debug, Clone, PartialEq)]
pub struct NewCourse {
    /// Its id.
    pub id: CourseId,
    /// Whose it is.
    pub owner_id: UserId,
    /// One line.
    pub title: String,
    /// May have several lines, may be empty.
    pub description: String,
    /// Who may watch while it is published.
    pub access: CourseAccess,
    /// How people become learners by themselves.
    pub joining: Joining,
    /// The code, if they join by code.
    pub code: Option<String>,
    /// When its lectures open.
    pub opens_at: Option<Timestamp>,
    /// When it ends.
    pub ends_at: Option<Timestamp>,
    /// How much of a lecture completes it; none if the installation decides.
    pub completed_share: Option<f64>,
}

/// A change of a course: `None` keeps a field, `Some(None)` clears it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CourseChange {
    /// The new title.
    pub title: Option<String>,
    /// The new description.
    pub description: Option<String>,
    /// Who may watch from now on.
    pub access: Option<CourseAccess>,
    /// How people join from now on.
    pub joining: Option<Joining>,
    /// When its lectures open.
    pub opens_at: Option<Option<Timestamp>>,
    /// When it ends.
    pub ends_at: Option<Option<Timestamp>>,
    /// How much of a lecture completes it.
    pub completed_share: Option<Option<f64>>,
}

impl CourseChange {
    /// The course after the change; `code` is a new one, for a course that had none.
    pub(crate) fn applied(&self, before: Course, code: &str) -> Course {
        let joining = self.joining.unwrap_or(before.joining);
        let kept = before.code.unwrap_or_else(|| code.to_owned());
        Course {
            title: self.title.clone().unwrap_or(before.title),
            description: self.description.clone().unwrap_or(before.description),
            access: self.access.unwrap_or(before.access),
            joining,
            code: Some(kept).filter(|_| joining == Joining::Code),
            opens_at: self.opens_at.unwrap_or(before.opens_at),
            ends_at: self.ends_at.unwrap_or(before.ends_at),
            completed_share: self.completed_share.unwrap_or(before.completed_share),
            ..before
        }
    }

    /// The names of the fields that the change names.
    pub(crate) fn fields(&self) -> Vec<&'static str> {
        let fields = [
            ("title", self.title.is_some()),
            ("description", self.description.is_some()),
            ("access", self.access.is_some()),
            ("join", self.joining.is_some()),
            ("opens_at", self.opens_at.is_some()),
            ("ends_at", self.ends_at.is_some()),
            ("completed_share", self.completed_share.is_some()),
        ];
        let named = fields.into_iter().filter_map(|(name, named)| named.then_some(name));
        named.collect()
    }
}

/// Checks that a course opens before it ends.
///
/// Errors: the problem, to be shown after `ends_at`
pub(crate) fn check_times(opens_at: Option<Timestamp>, ends_at: Option<Timestamp>) -> Result<(), &'static str> {
    match (opens_at, ends_at) {
        (Some(opens), Some(ends)) if ends <= opens => Err("must be later than `opens_at`"),
        _ => Ok(()),
    }
}

/// Checks how much of a lecture is to complete it.
///
/// Errors: the problem, to be shown after `completed_share`
pub(crate) fn check_share(share: f64) -> Result<f64, &'static str> {
    let fits = (0.1..=1.0).contains(&share);
    fits.then_some(share).ok_or("must be a share from 0.1 to 1")
}
