//! How memberships look on the wire.

use crate::services::enrolment_service::Admission;
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
    /// Sent by the member as the header `Enrolment-Receipt` of `GET /api/v1/content/{video_id}/stream` within two minutes, it
    /// opens the stream even if the enrolment is not known there yet.
    receipt: String,
}

impl From<Admission> for EnrolmentDocument {
    fn from(Admission { enrolment, receipt, .. }: Admission) -> Self {
        Self {
            course_id: enrolment.course_id,
            user_id: enrolment.user_id,
            role: enrolment.role,
            receipt,
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
