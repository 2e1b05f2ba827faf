//! Live lectures for their owners, and the door for those who publish and watch.

pub mod door;
pub mod error;
pub mod gate;
pub mod live_service;
