//! Conformance suites for adapters: one for object stores, one for caches, one for buses.

pub mod bus;
pub mod cache;
pub mod objects;
