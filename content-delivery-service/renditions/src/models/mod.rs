//! Plain data and its rules; nothing here reads, writes or waits.

pub mod description;
pub mod lecture;
pub mod outcome;
pub mod plan;
pub mod planning;
pub mod publication;
pub mod published;
pub mod recorded;
pub mod survey;
pub mod time_left;
