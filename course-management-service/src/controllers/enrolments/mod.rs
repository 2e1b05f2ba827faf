//! Memberships: people enrol and leave, teachers enrol others and set roles.

pub(crate) mod documents;
pub(crate) mod end_enrolment;
pub(crate) mod enrol;
pub(crate) mod enrol_list;
pub(crate) mod errors;
pub(crate) mod list_members;
pub(crate) mod set_role;
