//! Makes every node forget a video that any node has deleted.

use crate::services::stream_service::StreamService;
use contracts::{Event, EventData, VideoId};
use runtime::Shutdown;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

/// Follows the broadcast of `moocflix.content` until the process ends.
///
/// If a message is lost, `StreamService::keep_up` finds the deletion in the database.
pub(crate) async fn follow(
    mut events: Receiver<Event>,
    streams: StreamService,
    shutdown: Shutdown,
) -> Result<(), String> {
    loop {
        let event = tokio::select! {
            () = shutdown.requested() => return Ok(()),
            event = events.recv() => event,
        };
        match event {
            Ok(Event {
                data: EventData::VideoDeleted(deleted),
                subject,
                ..
            }) => {
                streams.video_gone(VideoId::from(subject), deleted.policy_version).await;
            }
            Ok(_) => {}
            Err(RecvError::Lagged(missed)) => tracing::warn!(missed, "content events were missed"),
            Err(RecvError::Closed) => {
                shutdown.requested().await;
                return Ok(());
            }
        }
    }
}
