//! The contracts between services: ids, times, roles, titles, object keys, events, questions, and what completes a lecture.
//!
//! Pure data and its rules. Data that two services share is a type here; a question that one
//! service asks another is a trait here.

pub mod asked;
mod completion;
mod courses;
pub mod events;
mod ids;
mod object_keys;
pub mod questions;
mod roles;
pub mod text;
mod timestamp;

pub use completion::is_enough;
pub use courses::{CourseAccess, CourseRole, CourseStatus, UnknownName};
pub use events::{Event, EventData, NewEvent};
pub use ids::{
    AuditId, ClientId, CourseId, EnrolmentId, EventId, Id, InvalidId, ItemId, Kind, ModuleId, PlaybackId, SessionId,
    UserId, VideoId, kind,
};
pub use object_keys::{BadRenditionName, ObjectKey, ObjectPrefix, RenditionName};
pub use roles::{Role, Roles, UnknownRole};
pub use timestamp::Timestamp;
