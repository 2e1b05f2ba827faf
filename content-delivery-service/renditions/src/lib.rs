//! Plans, surveys and pieces of lectures: what encoders make of a stored source, and what is published of it.
//!
//! The content service and its workers both depend on this crate and never on each other. `models` is plain data and its
//! rules; `repositories` is the SQL about it; `tasks` has one typed struct for each task; workers record their findings and
//! pieces through `ledger`.

#[cfg(test)]
mod lectures;
pub mod ledger;
pub mod models;
pub mod repositories;
pub mod schema;
pub mod tasks;
