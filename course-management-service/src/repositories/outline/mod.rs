//! Modules and items in the database.

pub mod item_repository;
pub mod outline_repository;
