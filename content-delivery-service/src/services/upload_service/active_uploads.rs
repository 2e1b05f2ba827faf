//! The writers of uploads in this process; one that went silent makes way for another.

use contracts::VideoId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// A writer that received no byte for this long makes way for another.
pub(crate) const SILENCE: Duration = Duration::from_secs(2);
/// How long a writer that must stop may take to note what it has.
const STOP_TIME: Duration = Duration::from_secs(10);

/// The writers of this process.
#[derive(Clone, Default)]
pub(crate) struct ActiveUploads {
    slots: Arc<Mutex<HashMap<VideoId, Arc<Slot>>>>,
}

/// One writer as others see it.
#[derive(Debug)]
pub(crate) struct Slot {
    /// Since when the writer waits for bytes, even if it stores some meanwhile; none while it takes some.
    waiting_since: Mutex<Option<Instant>>,
    stop: watch::Sender<bool>,
    gone: watch::Sender<bool>,
}

/// Held by the writer; dropped, it lets the next one in.
pub(crate) struct Seat {
    pub(crate) slot: Arc<Slot>,
    video: VideoId,
    all: ActiveUploads,
}

impl ActiveUploads {
    /// Takes the one seat of an upload; `None` while a writer that is not silent has it.
    pub(crate) async fn enter(&self, video: VideoId) -> Option<Seat> {
        // Two requests that wait for the same silent writer both wake when it leaves; one of them finds the seat taken.
        for _ in 0..3 {
            let sitting = {
                let mut slots = self.lock();
                match slots.get(&video) {
                    None => {
                        let slot = Arc::new(Slot::new());
                        slots.insert(video, Arc::clone(&slot));
                        return Some(Seat {
                            slot,
                            video,
                            all: self.clone(),
                        });
                    }
                    Some(slot) => Arc::clone(slot),
                }
            };
            if !sitting.is_silent() || !sitting.stop_and_wait().await {
                return None;
            }
        }
        None
    }

    /// Asks a writer to stop; it notes what it has.
    pub(crate) fn stop(&self, video: VideoId) {
        if let Some(slot) = self.lock().get(&video) {
            slot.stop.send_replace(true);
        }
    }

    /// Asks a writer to stop and waits until it has left; `false` if it takes too long.
    pub(crate) async fn stop_and_wait(&self, video: VideoId) -> bool {
        let slot = self.lock().get(&video).map(Arc::clone);
        match slot {
            Some(slot) => slot.stop_and_wait().await,
            None => true,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<VideoId, Arc<Slot>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    pub(crate) fn new() -> Self {
        Self {
            waiting_since: Mutex::new(None),
            stop: watch::Sender::new(false),
            gone: watch::Sender::new(false),
        }
    }

    /// Notes whether the writer waits for bytes; one that already waits keeps its start.
    pub(crate) fn set_waiting(&self, waiting: bool) {
        let mut since = self.waiting_since.lock().unwrap_or_else(PoisonError::into_inner);
        *since = waiting.then(|| since.unwrap_or_else(Instant::now));
    }

    /// Ends when the writer should stop.
    pub(crate) async fn stopped(&self) {
        // The sender lives in this very slot, so waiting for it cannot fail.
        let _ = self.stop.subscribe().wait_for(|stop| *stop).await;
    }

    pub(crate) fn is_silent(&self) -> bool {
        let since = *self.waiting_since.lock().unwrap_or_else(PoisonError::into_inner);
        since.is_some_and(|since| since.elapsed() >= SILENCE)
    }

    async fn stop_and_wait(&self) -> bool {
        let mut gone = self.gone.subscribe();
        self.stop.send_replace(true);
        tokio::time::timeout(STOP_TIME, gone.wait_for(|gone| *gone))
            .await
            .is_ok()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.all.lock().remove(&self.video);
        self.slot.gone.send_replace(true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_second_writer_gets_in_when_the_first_was_silent() {
        let active = ActiveUploads::default();
        let video = VideoId::generate();
        let first = active.enter(video).await.unwrap();
        assert!(active.enter(video).await.is_none(), "a busy writer stays");
        first.slot.set_waiting(true);
        assert!(
            active.enter(video).await.is_none(),
            "a writer that has just begun to wait stays"
        );
        while !first.slot.is_silent() {
            tokio::time::sleep(SILENCE / 20).await;
        }
        let (second, ()) = tokio::join!(active.enter(video), async {
            first.slot.stopped().await;
            drop(first);
        });
        assert!(second.is_some());
    }
}
