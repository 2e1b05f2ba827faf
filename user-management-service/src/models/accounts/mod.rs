//! People with accounts and what they may enter about themselves.

pub mod actor;
pub mod profile;
pub mod user;
