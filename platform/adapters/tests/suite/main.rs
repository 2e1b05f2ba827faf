//! Tests of the adapters on real servers.

#[cfg(test)]
mod failures;
#[cfg(test)]
mod kafka_bus;
#[cfg(test)]
mod kafka_failures;
#[cfg(test)]
mod kafka_killed;
#[cfg(test)]
mod kafka_server;
#[cfg(all(test, feature = "kafka-tls"))]
mod kafka_tls;
#[cfg(test)]
mod redis_cache;
#[cfg(test)]
mod redis_server;
#[cfg(test)]
mod s3;
#[cfg(test)]
mod s3_proxy;
#[cfg(test)]
mod s3_server;
