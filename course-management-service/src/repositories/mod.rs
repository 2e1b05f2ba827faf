//! The only place with SQL: one method is one transaction and writes its own outbox row.

pub mod courses;
pub mod enrolments;
pub mod outline;
pub(crate) mod published;
pub mod rows;
