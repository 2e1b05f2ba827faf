//! Conformance suites for adapters: one for object stores, one for caches.
//!
//! The suite of the bus is in the tests of `backing`.

pub mod cache;
pub mod objects;
