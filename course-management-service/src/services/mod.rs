//! What the service does, in domain words; nothing here knows HTTP.

pub(crate) mod access_service;
pub(crate) mod course_answers;
pub(crate) mod course_service;
pub(crate) mod enrolment_limits;
pub(crate) mod enrolment_service;
pub(crate) mod error;
pub(crate) mod lecture_states;
pub(crate) mod member_service;
pub(crate) mod outline_service;
pub(crate) mod progress_service;
