//! Back ends on servers, for installations of several nodes: the cache on Redis.
//!
//! Each adapter implements a port of `backing` and passes its suite in `testing`; only `moocflix` names this crate.

mod redis_cache;

pub use redis_cache::RedisCache;
