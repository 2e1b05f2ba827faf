//! Courses: teachers create, change and publish them, everybody finds them.

pub(crate) mod change_status;
pub(crate) mod create_course;
pub(crate) mod delete_course;
pub(crate) mod documents;
pub(crate) mod errors;
pub(crate) mod fetch_course;
pub(crate) mod list_courses;
pub(crate) mod renew_code;
pub(crate) mod update_course;
