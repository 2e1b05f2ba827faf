//! Black-box scenarios and browser tests.
//!
//! The scenarios in `tests/scenarios` and `tests/exclusive` start the real binary and talk to it as its users do;
//! what they need for that stands here. Nothing of the workspace is linked in.

pub mod api;
pub mod chance;
pub mod encoding;
pub mod growing;
pub mod ladder;
pub mod media;
pub mod playlist;
pub mod process;
pub mod raw;
pub mod segments;
pub mod server;
pub mod settings;
pub mod stage;
pub mod tools;
pub mod tus;
