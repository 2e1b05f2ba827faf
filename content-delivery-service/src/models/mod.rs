//! Plain data and its rules, by subject; nothing here reads, writes or waits.

pub mod uploads;
pub mod videos;
