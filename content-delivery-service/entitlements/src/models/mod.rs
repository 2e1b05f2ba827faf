//! Plain data.

pub mod change;
pub mod grounds;
pub mod sharing;
