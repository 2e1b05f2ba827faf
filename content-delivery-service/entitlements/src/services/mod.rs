//! The keys of playback tokens.

pub mod playback_keys;
