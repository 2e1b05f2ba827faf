//! The contracts between services: ids, times, roles, titles, object keys and events.
//!
//! Pure data and its rules. Data that two services share is a type here; questions that one
//! service asks another become traits here once a second service answers them.

pub mod events;
mod ids;
mod object_keys;
mod roles;
pub mod text;
mod timestamp;

pub use events::{Event, EventData, NewEvent};
pub use ids::{AuditId, EventId, Id, InvalidId, Kind, PlaybackId, SessionId, UserId, VideoId, kind};
pub use object_keys::{BadRenditionName, ObjectKey, ObjectPrefix, RenditionName};
pub use roles::{Role, Roles, UnknownRole};
pub use timestamp::Timestamp;
