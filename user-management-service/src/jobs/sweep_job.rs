//! Removes revocations and sign-ins that have no effect any more.

use crate::services::revocation_service::RevocationService;
use crate::services::session_service::SessionService;
use backing::Clock;
use runtime::Shutdown;
use std::time::Duration;

/// How often it looks.
const PAUSE: Duration = Duration::from_secs(3_600);

pub(crate) async fn run(
    revocations: RevocationService,
    sessions: SessionService,
    clock: Clock,
    shutdown: Shutdown,
) -> Result<(), String> {
    while shutdown.pause(PAUSE).await {
        if let Err(error) = revocations.forget(clock.now()).await {
            tracing::warn!(%error, "expired revocations could not be removed");
        }
        if let Err(error) = sessions.forget().await {
            tracing::warn!(%error, "ended sign-ins could not be removed");
        }
    }
    Ok(())
}
