//! Tests of the adapters on real servers.

#[cfg(test)]
mod failures;
#[cfg(test)]
mod redis_cache;
#[cfg(test)]
mod redis_server;
