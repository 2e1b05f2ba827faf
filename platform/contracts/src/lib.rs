//! What the services agree on: ids, times, roles, object keys and events.
//!
//! Pure data and its rules. Whatever two services share is a type here; questions that one
//! service asks another become traits here once a second service answers them.

pub mod events;
mod ids;
mod keys;
mod roles;
mod timestamp;

pub use events::{Event, EventData, NewEvent};
pub use ids::{EventId, InvalidId, PlaybackId, SessionId, UserId, VideoId};
pub use keys::{ObjectKey, ObjectPrefix, RenditionName};
pub use roles::{Role, Roles, UnknownRole};
pub use timestamp::Timestamp;
