//! Wakes waiting loops in this process when a commit brings them work.

use tokio::sync::watch;

/// Counters that only grow, so that a waiter never misses a commit.
#[derive(Debug)]
pub(crate) struct Signals {
    outbox: watch::Sender<u64>,
    tasks: watch::Sender<u64>,
    deliveries: watch::Sender<u64>,
}

/// The work that a transaction brings to waiting loops.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Brought {
    /// Events in the outbox.
    pub(super) pushed: bool,
    /// Tasks.
    pub(super) enqueued: bool,
    /// Events that a group has to handle.
    pub(super) accepted: bool,
}

impl Default for Signals {
    fn default() -> Self {
        Self {
            outbox: watch::Sender::new(0),
            tasks: watch::Sender::new(0),
            deliveries: watch::Sender::new(0),
        }
    }
}

impl Signals {
    pub(super) fn committed(&self, brought: Brought) {
        if brought.pushed {
            self.outbox.send_modify(|count| *count += 1);
        }
        if brought.accepted {
            self.deliveries.send_modify(|count| *count += 1);
        }
        if brought.enqueued {
            self.wake_tasks();
        }
    }

    pub(crate) fn wake_tasks(&self) {
        self.tasks.send_modify(|count| *count += 1);
    }

    pub(crate) fn outbox(&self) -> watch::Receiver<u64> {
        self.outbox.subscribe()
    }

    pub(crate) fn deliveries(&self) -> watch::Receiver<u64> {
        self.deliveries.subscribe()
    }

    pub(crate) fn tasks(&self) -> watch::Receiver<u64> {
        self.tasks.subscribe()
    }
}
