//! Requests for key frames, at most one in half a second for each layer.

use std::collections::HashMap;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

const EVERY: Duration = Duration::from_millis(500);
/// Layers that may wait to be asked for; a publisher that reads none of them misses the rest.
const WAITING: usize = 16;

/// Asks a publisher for key frames.
pub(super) struct KeyFrames {
    requests: mpsc::Sender<u8>,
    asked: HashMap<u8, Instant>,
}

impl KeyFrames {
    /// The asking and the asked end.
    pub(super) fn new() -> (Self, mpsc::Receiver<u8>) {
        let (requests, asked) = mpsc::channel(WAITING);
        let asking = Self {
            requests,
            asked: HashMap::new(),
        };
        (asking, asked)
    }

    pub(super) fn ask(&mut self, layer: u8) {
        let now = Instant::now();
        let due = self
            .asked
            .get(&layer)
            .is_none_or(|last| now.duration_since(*last) >= EVERY);
        if due && self.requests.try_send(layer).is_ok() {
            self.asked.insert(layer, now);
        }
    }
}
