//! Memberships in the database.

pub mod enrolment_repository;
pub mod member_repository;
