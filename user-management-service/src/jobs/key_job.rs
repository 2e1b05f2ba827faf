//! Makes the next signing key in time and removes keys that no token carries.

use crate::services::key_service::KeyService;
use backing::Clock;
use runtime::Shutdown;
use std::time::Duration;

/// How often keys are checked; the next one is published a day before it signs.
const PAUSE: Duration = Duration::from_secs(30);

pub(crate) async fn run(keys: KeyService, clock: Clock, shutdown: Shutdown) -> Result<(), String> {
    while shutdown.pause(PAUSE).await {
        if let Err(error) = keys.refresh(clock.now()).await {
            tracing::warn!(%error, "signing keys could not be refreshed; trying again");
        }
    }
    Ok(())
}
