//! Notices a tool that makes no progress.

use std::time::Duration;
use tokio::time::Instant;

/// How many times longer a tool may only read: it writes nothing while it looks for its starting point.
const READING: u32 = 30;

/// Decides when a tool has stalled.
#[derive(Debug)]
pub(crate) struct Watchdog {
    stall: Duration,
    interval: Duration,
    pub(crate) next_look: Instant,
    /// The last time that the output grew.
    output: Instant,
    /// The last time that anything happened.
    alive: Instant,
    read: u64,
}

impl Watchdog {
    pub(crate) fn new(stall: Duration) -> Self {
        let interval = (stall / 4).clamp(Duration::from_millis(10), Duration::from_secs(1));
        let now = Instant::now();
        Self {
            stall,
            interval,
            next_look: now + interval,
            output: now,
            alive: now,
            read: 0,
        }
    }

    pub(crate) fn progressed(&mut self, now: Instant) {
        self.output = now;
        self.alive = now;
    }

    /// Whether the tool has done nothing for too long; `bytes_read` counts what it has read in its life.
    pub(crate) fn is_stalled(&mut self, now: Instant, bytes_read: impl FnOnce() -> Option<u64>) -> bool {
        let late = now.saturating_duration_since(self.next_look);
        self.next_look = now + self.interval;
        if late > self.stall / 2 {
            // This process was suspended itself, and has yet to read the tool's output.
            self.progressed(now);
            return false;
        }
        if let Some(read) = bytes_read()
            && read > self.read
        {
            self.read = read;
            if now.saturating_duration_since(self.output) < self.stall * READING {
                self.alive = now;
            }
        }
        now.saturating_duration_since(self.alive) >= self.stall
    }
}
