//! Brings a provider's keys: before they are asked for, and again when a token names one that is unknown.

use super::provider::Provider;
use crate::{KeyFeed, Shutdown};
use std::time::{Duration, Instant};

/// How long keys are not fetched again after a token named one that is unknown, or after the provider gave none: strangers
/// decide what tokens name.
const REST: Duration = Duration::from_secs(30);
/// How long keys are used without being fetched again, whatever the provider says.
const SHORTEST: Duration = Duration::from_secs(5 * 60);
const LONGEST: Duration = Duration::from_secs(24 * 3_600);

impl Provider {
    /// Fetches the keys as long as the process runs. While the provider is away its keys stay good for a day.
    ///
    /// Errors: none; the result fits a task of the process
    pub async fn follow_keys(&self, feed: KeyFeed, shutdown: Shutdown) -> Result<(), String> {
        let mut fetched_at = Instant::now();
        let mut is_asked = false;
        loop {
            let fetched = tokio::select! {
                () = shutdown.requested() => return Ok(()),
                fetched = self.keys() => fetched,
            };
            let replaced = fetched.map_err(|why| why.to_string()).and_then(|it| {
                let life = it.max_age.unwrap_or(SHORTEST).clamp(SHORTEST, LONGEST);
                feed.replace(&it.bytes).map(|()| life).map_err(|why| why.to_string())
            });
            let life = match replaced {
                Ok(life) => {
                    fetched_at = Instant::now();
                    Some(life)
                }
                Err(error) => {
                    tracing::warn!(provider = self.name, %error, "a provider's keys can't be fetched; trying again");
                    if fetched_at.elapsed() > LONGEST {
                        feed.clear();
                    }
                    None
                }
            };
            if is_asked || life.is_none() {
                feed.rest(true);
                if !shutdown.pause(REST).await {
                    return Ok(());
                }
                feed.rest(false);
            }
            is_asked = tokio::select! {
                () = shutdown.requested() => return Ok(()),
                () = tokio::time::sleep(life.unwrap_or_default().saturating_sub(REST)) => false,
                () = feed.wanted() => true,
            };
        }
    }
}
