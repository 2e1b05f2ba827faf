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
                tracing::warn!("asked to shut down a second time: stopping at once");
                std::process::exit(130);
            }
            tracing::info!("shutting down after the running requests");
            process.request();
        }
    })
}
