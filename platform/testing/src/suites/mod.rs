//! Conformance suites for the adapters of ports: one suite per port.

pub mod cache;
pub mod objects;
