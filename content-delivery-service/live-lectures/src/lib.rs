//! Live lectures as people announce, begin and end them, and the door to them: who may publish and watch.
//!
//! A part of the content service with routes of its own. What it needs of the rest of the service (rights to lectures,
//! playback sessions) it asks through [`services::gate::Gate`]. Rooms, sockets and streams belong to the role `live`.
//!
//! `routes` → `controllers` → `services`; rows and their rules are in the crate `broadcasts`.

mod controllers;
mod routes;
pub mod services;

pub use routes::routes;
