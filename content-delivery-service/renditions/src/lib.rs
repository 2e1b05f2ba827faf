//! Plans, surveys and pieces of lectures: what is to be made of a stored source and what is published of it.
//!
//! The content service and its workers both stand on this crate and never on each other. `models` is plain data and its
//! rules; `repositories` is the SQL about it; `tasks` has one typed struct for each task; `ledger` is what workers write
//! their findings and pieces into.

#[cfg(test)]
mod lectures;
pub mod ledger;
pub mod models;
pub mod repositories;
pub mod schema;
pub mod tasks;
