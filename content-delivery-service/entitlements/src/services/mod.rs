//! The keys of playback tokens, the places that users take, and lectures as they were shown a moment ago.

pub mod kept_lectures;
pub mod playback_keys;
pub mod user_places;
