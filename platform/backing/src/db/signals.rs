//! Tells waiting loops in this process that a commit brought them work.

use tokio::sync::watch;

/// Two counters that only grow; a waiter never misses a commit between two looks.
#[derive(Debug)]
pub(crate) struct Signals {
    outbox: watch::Sender<u64>,
    tasks: watch::Sender<u64>,
}

impl Default for Signals {
    fn default() -> Self {
        Self {
            outbox: watch::Sender::new(0),
            tasks: watch::Sender::new(0),
        }
    }
}

impl Signals {
    pub(super) fn committed(&self, pushed: bool, enqueued: bool) {
        if pushed {
            self.outbox.send_modify(|count| *count += 1);
        }
        if enqueued {
            self.wake_tasks();
        }
    }

    pub(crate) fn wake_tasks(&self) {
        self.tasks.send_modify(|count| *count += 1);
    }

    pub(crate) fn outbox(&self) -> watch::Receiver<u64> {
        self.outbox.subscribe()
    }

    pub(crate) fn tasks(&self) -> watch::Receiver<u64> {
        self.tasks.subscribe()
    }
}
