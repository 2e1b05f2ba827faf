//! One load of a missing value, however many nodes ask for it.

use super::Cache;
use bytes::Bytes;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long a node may load before others may, too; a node that has died holds nobody up for longer.
const CLAIM: Duration = Duration::from_secs(1);
/// How long the others wait for the value before they load it themselves.
const PATIENCE: Duration = Duration::from_millis(500);
/// How often they look.
const PAUSE: Duration = Duration::from_millis(10);

/// Returns a key's value; if there is none, loads it and keeps it for `ttl`. Whoever asks meanwhile, on any node, waits for
/// that for half a second at most.
///
/// A cache that is away only costs the load. What does not exist is not kept.
/// Errors: those of the load
pub async fn load<E>(
    cache: &dyn Cache,
    key: &str,
    ttl: Duration,
    value: impl Future<Output = Result<Option<Bytes>, E>>,
) -> Result<Option<Bytes>, E> {
    let claim = format!("{key}:claim");
    let begun = Instant::now();
    loop {
        match cache.get(key).await {
            Ok(Some(kept)) => return Ok(Some(kept)),
            Ok(None) => {}
            Err(_) => return value.await,
        }
        let claimed = cache.add(&claim, Bytes::new(), CLAIM).await.unwrap_or(true);
        if claimed || begun.elapsed() >= PATIENCE {
            break;
        }
        sleep(PAUSE).await;
    }
    // another one may have kept the value and ended its claim since the look
    if let Ok(Some(kept)) = cache.get(key).await {
        let _ = cache.delete(&claim).await;
        return Ok(Some(kept));
    }
    let loaded = value.await;
    // If the cache is away, the next one loads it again.
    if let Ok(Some(value)) = &loaded {
        let _ = cache.set(key, value.clone(), ttl).await;
    }
    let _ = cache.delete(&claim).await;
    loaded
}
