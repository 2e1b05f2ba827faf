//! Black-box scenarios, browser tests and the layer check.
