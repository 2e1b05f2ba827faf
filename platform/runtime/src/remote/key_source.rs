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

/// The pause before a provider that has never given keys is asked again; each further one is twice as long, up to [`REST`].
const FIRST_PAUSE: Duration = Duration::from_secs(1);

impl Provider {
    /// Fetches the keys as long as the process runs. While the provider is away its keys stay good for a day.
    ///
    /// Errors: none; the result fits a task of the process
    pub async fn follow_keys(&self, feed: KeyFeed, shutdown: Shutdown) -> Result<(), String> {
        let (mut away_since, mut is_asked) = (None, false);
        let mut pause = FIRST_PAUSE;
        loop {
            let replaced = tokio::select! {
                () = shutdown.requested() => return Ok(()),
                replaced = self.replace_keys(&feed) => replaced,
            };
            match &replaced {
                Ok(_) => (away_since, pause) = (None, REST),
                Err(error) => {
                    tracing::warn!(provider = self.name, %error, "a provider's keys can't be fetched; trying again");
                    if away_since.get_or_insert_with(Instant::now).elapsed() > LONGEST {
                        feed.clear();
                    }
                }
            }
            if is_asked || replaced.is_err() {
                feed.rest(true);
                if !shutdown.pause(pause).await {
                    return Ok(());
                }
                feed.rest(false);
                pause = (pause * 2).min(REST);
            }
            is_asked = tokio::select! {
                () = shutdown.requested() => return Ok(()),
                () = tokio::time::sleep(replaced.unwrap_or_default().saturating_sub(REST)) => false,
                () = feed.wanted() => true,
            };
        }
    }

    /// Fetches the keys once; returns how long they may be kept.
    async fn replace_keys(&self, feed: &KeyFeed) -> Result<Duration, String> {
        let fetched = self.keys().await.map_err(|why| why.to_string())?;
        feed.replace(&fetched.bytes).map_err(|why| why.to_string())?;
        Ok(fetched.max_age.unwrap_or(SHORTEST).clamp(SHORTEST, LONGEST))
    }
}
