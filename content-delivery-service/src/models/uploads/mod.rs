//! Uploads: what a request begins, and what is stored of it.

pub mod creation;
pub(crate) mod tus;
pub mod upload;
