//! The role `live`: holds the rooms of live lectures, and gives `media/live` its sockets.

pub mod rooms;
