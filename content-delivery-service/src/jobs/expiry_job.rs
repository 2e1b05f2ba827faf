//! Finishes what a crash left complete, and deletes uploads that nobody goes on with.

use crate::services::error::ContentError;
use crate::services::upload_service::UploadService;
use runtime::Shutdown;
use std::time::Duration;

/// How often it looks.
const PAUSE: Duration = Duration::from_secs(10);
/// An upload that has been finishing for this long has lost whoever was finishing it.
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

async fn look(uploads: &UploadService, idle: Duration) -> Result<(), ContentError> {
    uploads.recover(idle).await?;
    uploads.expire().await
}
