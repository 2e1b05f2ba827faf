//! Stores what is in force but could not be stored when it was asked for.

use crate::services::act_service::ActService;
use runtime::Shutdown;
use std::time::Duration;

/// How often it tries again.
const PAUSE: Duration = Duration::from_secs(1);

pub(crate) async fn run(acts: ActService, shutdown: Shutdown) -> Result<(), String> {
    while shutdown.pause(PAUSE).await {
        acts.store_waiting().await;
    }
    acts.store_waiting().await;
    Ok(())
}
