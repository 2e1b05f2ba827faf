//! Back ends on servers, for installations of several nodes: the cache on Redis, objects on S3, the bus on Kafka.
//!
//! Each adapter implements a port of `backing` and passes its suite in `testing`; only `moocflix` names this crate.

mod kafka_bus;
mod redis_cache;
mod s3;

pub use kafka_bus::{KafkaAddress, KafkaBus};
pub use redis_cache::RedisCache;
pub use s3::{LONGEST_S3_UPLOAD, open_s3};
