//! Runs sessions, and ends those whose viewers may not watch any more.

use super::{Sessions, Work};
use runtime::{Shutdown, TaskSet};
use std::time::Duration;
use tokio::sync::mpsc;

/// How often the playbacks of viewers are looked at.
const LOOKS: Duration = Duration::from_millis(250);
/// How long sessions may take to say good-bye.
const GOOD_BYE: Duration = Duration::from_secs(2);

/// Runs sessions until the shutdown is asked for, and then lets them say good-bye.
pub(super) async fn run(
    sessions: Sessions,
    mut waiting: mpsc::UnboundedReceiver<Work>,
    shutdown: Shutdown,
) -> Result<(), String> {
    let mut running = TaskSet::new();
    loop {
        tokio::select! {
            () = shutdown.requested() => break,
            Some(work) = waiting.recv() => drop(running.run(work)),
            Some(ended) = running.ended() => {
                if let Err(error) = ended {
                    tracing::error!(%error, "a session of WebRTC has ended by a panic");
                }
            }
        }
    }
    let all: Vec<_> = sessions.open().entries.keys().copied().collect();
    for id in all {
        sessions.end(id);
    }
    let _ = tokio::time::timeout(GOOD_BYE, running.finished()).await;
    Ok(())
}

/// Ends the sessions of playbacks that have ended: the viewer has signed out, or has lost the right.
pub(super) async fn end_refused(sessions: Sessions, shutdown: Shutdown) -> Result<(), String> {
    while shutdown.pause(LOOKS).await {
        let watches: Vec<_> = {
            let open = sessions.open();
            let viewers = open
                .entries
                .iter()
                .filter_map(|(id, entry)| Some((*id, entry.watch.clone()?)));
            viewers.collect()
        };
        if watches.is_empty() {
            continue;
        }
        let asked = watches.iter().map(|(_, watch)| watch.clone()).collect();
        match sessions.0.door.living(asked).await {
            Ok(living) => {
                let over = watches.iter().enumerate().filter(|(place, _)| !living.contains(place));
                for (_, (id, _)) in over {
                    sessions.end(*id);
                }
            }
            Err(error) => tracing::warn!(%error, "the playbacks of viewers could not be looked at"),
        }
    }
    Ok(())
}
