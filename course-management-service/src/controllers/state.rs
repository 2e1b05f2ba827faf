//! The state behind all routes of this service.

use crate::services::course_service::CourseService;
use crate::services::enrolment_service::EnrolmentService;
use crate::services::member_service::MemberService;
use crate::services::outline_service::OutlineService;
use crate::services::progress_service::ProgressService;

/// What the controllers work with.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) courses: CourseService,
    pub(crate) outlines: OutlineService,
    pub(crate) enrolments: EnrolmentService,
    pub(crate) members: MemberService,
    pub(crate) progress: ProgressService,
}
