//! Uploads: what a request begins, and what is stored of it.

pub(crate) mod checksum;
pub mod creation;
pub mod upload;
pub mod usage;
