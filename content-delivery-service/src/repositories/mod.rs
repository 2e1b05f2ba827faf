//! The only place with SQL: one method is one transaction and writes its own outbox row.

pub(crate) mod playback;
pub mod uploads;
pub mod videos;
