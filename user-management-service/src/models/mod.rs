//! Plain data and its rules; nothing here reads, writes or waits.

pub mod accounts;
pub mod clients;
pub mod keys;
pub mod sessions;
