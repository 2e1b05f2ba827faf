//! How far lectures are watched.

pub mod watch_repository;
