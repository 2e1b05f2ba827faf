//! The operator's wish that the process ends.

use crate::{Background, Shutdown};
use tokio::signal::unix::{SignalKind, signal};

/// SIGTERM or SIGINT asks for the shutdown; a second one ends the process at once.
pub fn signals(process: Shutdown) -> Background {
    Background::new("signals", move |background| async move {
        let mut terminate = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| error.to_string())?;
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
                () = background.requested() => return Ok(()),
            }
            if process.is_requested() {
                tracing::warn!("asked a second time: the process ends at once");
                std::process::exit(130);
            }
            tracing::info!("asked to end: running requests are finished first");
            process.request();
        }
    })
}
