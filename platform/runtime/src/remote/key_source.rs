//! Brings an issuer's keys: before they are asked for, and again when a token names one that is unknown.

use super::fetch::Fetched;
use crate::{KeyFeed, Shutdown};
use std::future::Future;
use std::time::{Duration, Instant};

/// How long keys are used without being fetched again, whatever the issuer says.
const SHORTEST: Duration = Duration::from_secs(5 * 60);
const LONGEST: Duration = Duration::from_secs(24 * 3_600);

/// The pause before an issuer that has never given keys is asked again; each further one is twice as long, up to the rest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// An issuer whose keys are followed.
pub(super) struct KeySource<'a, F> {
    /// Its name in logs.
    pub(super) name: &'a str,
    /// Fetches the document.
    pub(super) fetch: F,
    /// How long keys are not fetched again after a token named one that is unknown, or after the issuer gave none: strangers
    /// decide what tokens name.
    pub(super) rest: Duration,
}

impl<F, A> KeySource<'_, F>
where
    F: Fn() -> A + Send + Sync,
    A: Future<Output = Result<Fetched, String>> + Send,
{
    /// Fetches the keys as long as the process runs. While the issuer is away its keys stay good for a day.
    pub(super) async fn follow(&self, feed: KeyFeed, shutdown: Shutdown) -> Result<(), String> {
        let (mut away_since, mut is_asked) = (None, false);
        let mut pause = FIRST_PAUSE.min(self.rest);
        loop {
            let replaced = tokio::select! {
                () = shutdown.requested() => return Ok(()),
                replaced = self.replace_keys(&feed) => replaced,
            };
            match &replaced {
                Ok(_) => (away_since, pause) = (None, self.rest),
                Err(error) => {
                    tracing::warn!(issuer = self.name, %error, "an issuer's keys can't be fetched; trying again");
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
                pause = (pause * 2).min(self.rest);
            }
            is_asked = tokio::select! {
                () = shutdown.requested() => return Ok(()),
                () = tokio::time::sleep(replaced.unwrap_or_default().saturating_sub(self.rest)) => false,
                () = feed.wanted() => true,
            };
        }
    }

    /// Fetches the keys once; returns how long they may be kept.
    async fn replace_keys(&self, feed: &KeyFeed) -> Result<Duration, String> {
        let fetched = (self.fetch)().await?;
        feed.replace(&fetched.bytes).map_err(|why| why.to_string())?;
        Ok(fetched.max_age.unwrap_or(SHORTEST).clamp(SHORTEST, LONGEST))
    }
}
