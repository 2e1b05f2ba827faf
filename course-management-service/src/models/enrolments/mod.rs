//! Memberships in courses.

pub mod enrolment;
pub(crate) mod pasted_list;
