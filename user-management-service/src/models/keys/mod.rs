//! The keys that sign access tokens.

pub mod signing_key;
