//! The keys of playback tokens, and the places that users take.

pub mod playback_keys;
pub mod user_places;
