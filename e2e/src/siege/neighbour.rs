//! Looks at a server during an attack: how much memory it takes, and whether others are still served.

use crate::api::{Account, Api};
use crate::process::anonymous_memory;
use anyhow::{Context, Result, ensure};
use std::time::{Duration, Instant};

/// How long somebody else may wait for an answer, on a machine that is busy with other things, too.
const PATIENCE: Duration = Duration::from_secs(5);

/// What somebody who is no attacker asks for.
#[derive(Debug)]
pub struct Neighbour {
    api: Api,
    token: String,
    segment: String,
}

/// What was seen.
#[derive(Debug, Clone, Copy, Default)]
pub struct Seen {
    /// The server's memory at the most.
    pub peak: u64,
    /// The longest that the neighbour waited.
    pub slowest: Duration,
    /// How often the neighbour was answered.
    pub answers: u32,
}

impl Neighbour {
    /// Somebody with an account who has loaded this segment before.
    pub async fn new(api: &Api, account: &Account, segment: &str) -> Result<Self> {
        api.fetch(segment).await?.expect(200)?;
        Ok(Self {
            api: api.clone(),
            token: account.token.clone(),
            segment: segment.to_owned(),
        })
    }

    async fn ask(&self) -> Result<Duration> {
        let begun = Instant::now();
        self.api.get("/api/v1/users/profile", &self.token).await?.expect(200)?;
        let profile = begun.elapsed();
        let begun = Instant::now();
        self.api.fetch(&self.segment).await?.expect(200)?;
        Ok(profile.max(begun.elapsed()))
    }
}

/// Looks for this long; fails if the neighbour is refused or waits for too long, or the server is gone.
pub async fn watch(pid: u32, neighbour: &Neighbour, length: Duration) -> Result<Seen> {
    let begun = Instant::now();
    let mut seen = Seen::default();
    while begun.elapsed() < length {
        seen.peak = seen.peak.max(anonymous_memory(pid).context("the server is gone")?);
        let waited = neighbour.ask().await.context("somebody else")?;
        ensure!(waited <= PATIENCE, "somebody else waited {waited:?}");
        seen.slowest = seen.slowest.max(waited);
        seen.answers += 1;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(seen)
}
