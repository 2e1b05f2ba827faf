//! Live lectures and their recordings as plain data.

pub mod broadcast;
pub mod layers;
pub mod recording;
pub mod stream_key;
