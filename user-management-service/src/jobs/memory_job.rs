//! Gives back the memory of password hashes that nobody needs any more.

use passwords::hasher::PasswordHasher;
use runtime::Shutdown;
use std::time::Duration;

/// How long memory lies idle before it is given back, and at most twice as long.
const PAUSE: Duration = Duration::from_secs(30);

pub(crate) async fn run(hasher: PasswordHasher, shutdown: Shutdown) -> Result<(), String> {
    while shutdown.pause(PAUSE).await {
        hasher.free_idle_memory().await;
    }
    Ok(())
}
