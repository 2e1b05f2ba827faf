//! Refuses here, within seconds, what another process has revoked.

use crate::services::revocation_service::RevocationService;
use backing::Clock;
use runtime::Shutdown;
use std::time::Duration;

/// How often new revocations are read.
const PAUSE: Duration = Duration::from_secs(2);

pub(crate) async fn run(revocations: RevocationService, clock: Clock, shutdown: Shutdown) -> Result<(), String> {
    let mut last = clock.now();
    while shutdown.pause(PAUSE).await {
        let now = clock.now();
        match revocations.catch_up(last, now).await {
            Ok(()) => last = now,
            Err(error) => tracing::warn!(%error, "revocations could not be read; trying again"),
        }
    }
    Ok(())
}
