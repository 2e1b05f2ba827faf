//! Modules and their items.

pub mod arrangement;
pub mod module;
