//! Other services and what they may do.

pub mod client;
