//! The names of this crate's metrics, each written once.

/// Playback sessions that have ended.
pub const PLAYBACKS_ENDED: &str = "moocflix_playbacks_ended_total";
