//! Plain data.

pub mod change;
pub mod device;
pub mod grounds;
pub mod places;
pub mod playback_token;
pub mod rights;
pub mod session;
pub mod sharing;
