//! What people sign in with: addresses and passwords, the pool that hashes them, and how often they may be tried.
//!
//! Nothing in this crate knows accounts or HTTP.

pub mod attempt;
mod common_passwords;
pub mod email;
pub mod hasher;
pub mod limiter;
pub mod metric;
pub mod rules;
