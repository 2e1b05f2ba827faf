//! The service's work in the background.

use crate::repositories::sessions::session_repository::SessionRepository;
use crate::services::key_service::KeyService;
use crate::services::revocation_service::RevocationService;
use backing::Clock;
use runtime::{Background, Shutdown};
use std::time::Duration;

/// How often new revocations are looked for: what another process refuses is refused here within seconds.
const LOOK: Duration = Duration::from_secs(2);
/// How often keys are looked after; the next one is published a day before it signs.
const KEYS: Duration = Duration::from_secs(30);
/// How often what is long over is removed.
const SWEEP: Duration = Duration::from_secs(3_600);
/// How long a sign-in that is over is kept, so that its refresh tokens are still known as used.
const KEPT: Duration = Duration::from_secs(24 * 3_600);

pub(crate) fn all(
    keys: KeyService,
    revocations: RevocationService,
    sessions: SessionRepository,
    clock: &Clock,
) -> Vec<Background> {
    let (looking, keeping, sweeping) = (clock.clone(), clock.clone(), clock.clone());
    let looked = revocations.clone();
    vec![
        Background::new("users-revocations", move |shutdown| look(looked, looking, shutdown)),
        Background::new("users-keys", move |shutdown| keep_keys(keys, keeping, shutdown)),
        Background::new("users-sweep", move |shutdown| {
            sweep(revocations, sessions, sweeping, shutdown)
        }),
    ]
}

async fn look(revocations: RevocationService, clock: Clock, shutdown: Shutdown) -> Result<(), String> {
    let mut last = clock.now();
    while rest(&shutdown, LOOK).await {
        let now = clock.now();
        match revocations.catch_up(last, now).await {
            Ok(()) => last = now,
            Err(error) => tracing::warn!(%error, "revocations could not be read; trying again"),
        }
    }
    Ok(())
}

async fn keep_keys(keys: KeyService, clock: Clock, shutdown: Shutdown) -> Result<(), String> {
    while rest(&shutdown, KEYS).await {
        if let Err(error) = keys.refresh(clock.now()).await {
            tracing::warn!(%error, "signing keys could not be looked after; trying again");
        }
    }
    Ok(())
}

async fn sweep(
    revocations: RevocationService,
    sessions: SessionRepository,
    clock: Clock,
    shutdown: Shutdown,
) -> Result<(), String> {
    while rest(&shutdown, SWEEP).await {
        let now = clock.now();
        if let Err(error) = revocations.forget(now).await {
            tracing::warn!(%error, "spent revocations could not be removed");
        }
        if let Err(error) = sessions.forget(now - KEPT).await {
            tracing::warn!(%error, "sign-ins that are over could not be removed");
        }
    }
    Ok(())
}

/// Waits; false when it is time to go.
async fn rest(shutdown: &Shutdown, span: Duration) -> bool {
    tokio::select! {
        () = shutdown.requested() => false,
        () = tokio::time::sleep(span) => true,
    }
}
