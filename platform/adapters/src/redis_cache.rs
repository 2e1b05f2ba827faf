//! The cache on a Redis server, which all nodes share.
//!
//! Requests never wait for a connection: [`RedisCache::keep_connected`] opens it, and while there is none, they fail at
//! once. A server that doesn't answer within a quarter of a second is left alone for a second.

mod link;

use async_trait::async_trait;
use backing::cache::{Cache, CacheError, Count};
use bytes::Bytes;
use link::Link;
use redis::{Client, IntoConnectionInfo, RedisResult};
use std::time::Duration;

/// Adds to a counter and starts its window if it has none, in one step: a client that dies leaves no counter without an
/// end. Adding 0 makes no counter.
const COUNT: &str = "
if ARGV[1] ~= '0' then redis.call('INCRBY', KEYS[1], ARGV[1]) end
local left = redis.call('PTTL', KEYS[1])
if left == -1 then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  left = tonumber(ARGV[2])
end
return {redis.call('GET', KEYS[1]), left}
";

/// A cache on a Redis server.
pub struct RedisCache {
    link: Link,
    prefix: String,
}

impl RedisCache {
    /// A cache on the server that a URL names, not connected yet; all of its keys begin with `prefix`.
    ///
    /// Shape: `redis://USER:PASSWORD@HOST:PORT/DATABASE`, or `rediss://…` for TLS
    ///
    /// Errors: the expected form of a URL; never the URL, which may contain a password
    pub fn new(url: &str, prefix: &str) -> Result<Self, String> {
        let client = client(url)
            .map_err(|_| "must be redis://USER:PASSWORD@HOST:PORT/DATABASE, or rediss://… for TLS".to_owned())?;
        Ok(Self {
            link: Link::new(client),
            prefix: prefix.to_owned(),
        })
    }

    /// Connects to the server.
    pub async fn connect(&self) -> Result<(), CacheError> {
        self.link.connect().await
    }

    /// Connects again whenever the connection is lost, until `stop` completes.
    pub async fn keep_connected(&self, stop: impl Future<Output = ()>) {
        tokio::select! {
            () = stop => (),
            () = self.link.keep() => (),
        }
    }

    fn key(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }
}

fn client(url: &str) -> RedisResult<Client> {
    let tcp = redis::io::tcp::TcpSettings::default();
    // Requests are small and must not wait for each other. Firewalls forget idle connections.
    let keepalive = redis::io::tcp::socket2::TcpKeepalive::new().with_time(Duration::from_secs(60));
    let tcp = tcp.set_nodelay(true).set_keepalive(keepalive);
    Client::open(url.into_connection_info()?.set_tcp_settings(tcp))
}

#[async_trait]
impl Cache for RedisCache {
    async fn get(&self, key: &str) -> Result<Option<Bytes>, CacheError> {
        self.link.ask(redis::cmd("GET").arg(self.key(key))).await
    }

    async fn set(&self, key: &str, value: Bytes, ttl: Duration) -> Result<(), CacheError> {
        let mut set = redis::cmd("SET");
        set.arg(self.key(key)).arg(value.as_ref()).arg("PX").arg(millis(ttl));
        self.link.ask(&set).await
    }

    async fn add(&self, key: &str, value: Bytes, ttl: Duration) -> Result<bool, CacheError> {
        let mut set = redis::cmd("SET");
        set.arg(self.key(key))
            .arg(value.as_ref())
            .arg("NX")
            .arg("PX")
            .arg(millis(ttl));
        Ok(self.link.ask::<Option<String>>(&set).await?.is_some())
    }

    async fn delete(&self, key: &str) -> Result<(), CacheError> {
        self.link.ask(redis::cmd("DEL").arg(self.key(key))).await
    }

    async fn increment(&self, key: &str, by: u64, ttl: Duration) -> Result<Count, CacheError> {
        let mut count = redis::cmd("EVAL");
        count.arg(COUNT).arg(1).arg(self.key(key)).arg(by).arg(millis(ttl));
        let (value, left): (Option<Bytes>, i64) = self.link.ask(&count).await?;
        Ok(Count {
            value: value.map_or(Ok(0), |value| number(&value))?,
            // negative if there is no such counter
            left: u64::try_from(left).map_or(ttl, Duration::from_millis),
        })
    }
}

/// Redis's unit of time; it accepts no span of zero.
fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX).max(1)
}

fn number(value: &Bytes) -> Result<u64, CacheError> {
    let text = std::str::from_utf8(value).unwrap_or_default();
    text.parse()
        .map_err(|_| CacheError("the value is not a counter".to_owned()))
}
