//! URL tables: rows with their policies, the check in front of each, and the document of all routes.

pub(crate) mod access;
pub(crate) mod fast_path;
pub(crate) mod guard;
pub(crate) mod matched_route;
pub mod openapi;
pub(crate) mod questions;
pub(crate) mod routes;
pub(crate) mod table;
