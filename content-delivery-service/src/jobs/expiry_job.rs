//! Finishes uploads that a crash left complete, and deletes those that nobody continues.

use crate::services::error::Failure;
use crate::services::upload_service::UploadService;
use runtime::Shutdown;
use std::time::Duration;

/// The pause between two looks.
const PAUSE: Duration = Duration::from_secs(10);
/// After this long, an upload that is still being finished was abandoned by its process.
const LOST: Duration = Duration::from_secs(10);

/// Looks at once, since the process before this one may have crashed, and then again and again.
pub(crate) async fn run(uploads: UploadService, shutdown: Shutdown) -> Result<(), String> {
    let mut idle = Duration::ZERO;
    loop {
        if let Err(error) = look(&uploads, idle).await {
            tracing::warn!(%error, "unfinished uploads could not be looked at");
        }
        idle = LOST;
        if !shutdown.pause(PAUSE).await {
            return Ok(());
        }
    }
}

async fn look(uploads: &UploadService, idle: Duration) -> Result<(), Failure> {
    uploads.recover(idle).await?;
    uploads.expire().await
}
