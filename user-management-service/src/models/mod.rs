//! Plain data and its rules; nothing here reads, writes or waits.

pub mod accounts;
pub mod keys;
pub mod sessions;
