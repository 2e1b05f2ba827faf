//! What requests and replies consist of: headers, bodies, queries, pages and problem documents.

pub mod accept;
pub(crate) mod body;
pub(crate) mod client_address;
pub mod conditional;
pub(crate) mod extract;
pub(crate) mod field_errors;
pub(crate) mod held_bytes;
pub(crate) mod json;
pub mod multipart;
pub mod page;
pub(crate) mod problem;
pub(crate) mod request_id;
