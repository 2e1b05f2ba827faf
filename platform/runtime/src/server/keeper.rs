//! Looks at all connections and asks the drivers of those whose time is over to judge them.
//!
//! One task does this for all of them: a timer and a shutdown for each connection would be polled
//! whenever a byte can be read or written.

use super::ServerLimits;
use super::watch::{Verdict, Watch, Wish};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// How much later than its time a connection may be ended.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// All connections.
#[derive(Default)]
pub(super) struct Keeper {
    kept: Mutex<Vec<Kept>>,
    /// The first connection after none came.
    came: Notify,
}

struct Kept {
    watch: Weak<Watch>,
    /// Nothing is due before.
    due: Instant,
}

impl Keeper {
    /// Looks after a connection until its watch is dropped.
    pub(super) fn keep(&self, watch: &Arc<Watch>, limits: &ServerLimits) {
        let mut kept = self.lock();
        if kept.is_empty() {
            self.came.notify_one();
        }
        kept.push(Kept {
            watch: Arc::downgrade(watch),
            due: Instant::now() + limits.header_timeout,
        });
    }

    /// Asks the same of all connections.
    pub(super) fn ask(&self, wish: Wish) {
        let watches = self.lock();
        watches
            .iter()
            .filter_map(|kept| kept.watch.upgrade())
            .for_each(|watch| watch.wish(wish));
    }

    /// Looks after the connections for as long as it is polled.
    pub(super) async fn run(&self, limits: &ServerLimits) -> Infallible {
        loop {
            if self.look(limits) {
                tokio::time::sleep(LOOK_EVERY).await;
            } else {
                self.came.notified().await;
            }
        }
    }

    /// Judges the connections that are due; returns whether there are any connections.
    fn look(&self, limits: &ServerLimits) -> bool {
        let now = Instant::now();
        let mut kept = self.lock();
        kept.retain_mut(|one| {
            if now < one.due {
                return one.watch.strong_count() > 0;
            }
            let Some(watch) = one.watch.upgrade() else {
                return false;
            };
            match watch.judge(limits) {
                Verdict::Until(due) => one.due = due,
                Verdict::Idle | Verdict::HeadTimedOut | Verdict::Stalled => watch.wish(Wish::Judge),
            }
            true
        });
        !kept.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
