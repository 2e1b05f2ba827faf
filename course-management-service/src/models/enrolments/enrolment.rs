//! A membership in a course.

use contracts::{CourseId, CourseRole, EnrolmentId, Timestamp, UserId};

/// A membership that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrolment {
    /// Its id.
    pub id: EnrolmentId,
    /// The course.
    pub course_id: CourseId,
    /// The member.
    pub user_id: UserId,
    /// The member's role.
    pub role: CourseRole,
    /// When it began, or began again.
    pub joined_at: Timestamp,
    /// Whether the member's account is deactivated.
    pub is_suspended: bool,
}

/// How an enrolment went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Enrolled {
    /// The person is a member from now on.
    New(Enrolment),
    /// The person was a member already, with whatever role.
    Already(Enrolment),
    /// A teacher has removed the person, so that only a teacher can enrol them again.
    Removed,
    /// There is no such course.
    NoCourse,
}
