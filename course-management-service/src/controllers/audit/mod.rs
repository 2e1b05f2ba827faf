//! The audit: admins read what was done in courses.

pub(crate) mod list_audit;
