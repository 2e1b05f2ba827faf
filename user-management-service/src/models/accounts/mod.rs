//! People with accounts and what they may enter about themselves.

pub mod actor;
pub(crate) mod common_passwords;
pub mod email;
pub(crate) mod password;
pub mod profile;
pub mod user;
