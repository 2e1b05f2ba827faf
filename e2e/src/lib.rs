//! Black-box scenarios, browser tests and the layer check.
//!
//! The scenarios in `tests/scenarios` start the real binary and talk to it as its users do; what
//! they need for that stands here. Nothing of the workspace is linked in.

pub mod layers;
