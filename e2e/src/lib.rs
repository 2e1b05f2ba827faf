//! Black-box scenarios and browser tests.
//!
//! The scenarios in `tests/scenarios` and `tests/exclusive` start the real binary and use it as its users do; this
//! library has what they share. It links no other crate of the workspace.

pub mod api;
pub mod back_ends;
pub mod courses;
pub mod encoding;
pub mod front;
pub mod growing;
pub mod issuer;
pub mod kafka;
pub mod ladder;
pub mod live;
pub mod media;
pub mod playlist;
pub mod postgres;
pub mod process;
pub mod provider;
pub mod random;
pub mod raw;
pub mod recorded;
pub mod redis;
pub mod s3;
pub mod segments;
pub mod server;
pub mod settings;
pub mod siege;
pub mod slow_line;
pub mod stage;
pub mod tools;
pub mod topology;
pub mod turn;
pub mod tus;
pub mod viewers;
pub mod weather;
pub mod webrtc;
