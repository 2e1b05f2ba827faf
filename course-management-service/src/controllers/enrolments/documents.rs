//! How memberships look on the wire.

use crate::models::enrolments::enrolment::Enrolment;
use crate::services::member_service::Member;
use contracts::{CourseId, CourseRole, Timestamp, UserId};
use serde::Serialize;
use utoipa::ToSchema;

/// A membership in a course.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Enrolment)]
pub(crate) struct EnrolmentDocument {
    course_id: CourseId,
    user_id: UserId,
    role: CourseRole,
}

impl From<Enrolment> for EnrolmentDocument {
    fn from(enrolment: Enrolment) -> Self {
        Self {
            course_id: enrolment.course_id,
            user_id: enrolment.user_id,
            role: enrolment.role,
        }
    }
}

/// A member of a course, as its teachers see them.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CourseMember)]
pub(crate) struct MemberDocument {
    user_id: UserId,
    /// Null if the account no longer exists.
    name: Option<String>,
    role: CourseRole,
    /// When the membership began, or began again.
    joined_at: Timestamp,
    /// Whether the account is not deactivated.
    active: bool,
}

impl From<Member> for MemberDocument {
    fn from(Member { enrolment, name }: Member) -> Self {
        Self {
            user_id: enrolment.user_id,
            role: enrolment.role,
            joined_at: enrolment.joined_at,
            active: !enrolment.is_suspended && name.is_some(),
            name,
        }
    }
}
