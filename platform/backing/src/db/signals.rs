//! Wakes waiting loops in this process when a commit brings them work.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Counters that only grow, so that a waiter never misses a commit.
#[derive(Debug)]
pub(crate) struct Signals {
    outbox: watch::Sender<u64>,
    tasks: watch::Sender<u64>,
    deliveries: watch::Sender<u64>,
    watched: RwLock<Vec<Arc<Watched>>>,
}

/// For how long a commit may still come after its transaction has been given up.
const DOUBT: Duration = Duration::from_secs(10);

/// Tables, and how often they may have changed.
#[derive(Debug)]
pub(super) struct Watched {
    tables: &'static [&'static str],
    commits: AtomicU64,
    since: Instant,
    /// Until when a commit may come of which nobody hears, in milliseconds after `since`.
    doubtful_until: AtomicU64,
}

impl Watched {
    fn new(tables: &'static [&'static str]) -> Self {
        Self {
            tables,
            commits: AtomicU64::new(0),
            since: Instant::now(),
            doubtful_until: AtomicU64::new(0),
        }
    }

    fn age(&self) -> u64 {
        u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn doubt(&self) {
        let until = self.age() + u64::try_from(DOUBT.as_millis()).unwrap_or(u64::MAX);
        self.doubtful_until.fetch_max(until, Ordering::SeqCst);
    }

    /// Whether a statement that does more than read may change one of the tables: the one that it names first, and of a statement
    /// of another form any that it names.
    fn is_touched_by(&self, statement: &str) -> bool {
        let mut words = statement.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        let mut rest = words.clone();
        let table = match (rest.next(), rest.next(), rest.next()) {
            (Some("INSERT"), Some("INTO"), table) | (Some("DELETE"), Some("FROM"), table) => table,
            (Some("UPDATE"), table, _) => table,
            _ => None,
        };
        match table {
            Some(table) => self.tables.contains(&table),
            None => words.any(|word| self.tables.contains(&word)),
        }
    }
}

/// Counts the commits in this process that may have changed some tables: what was read before the number grew may be out
/// of date. The commits of other processes don't count.
#[derive(Debug, Clone)]
pub struct Edition(Arc<Watched>);

impl Edition {
    /// The number now; ask before you read. There is none for a while after a commit whose end was not seen, because it
    /// may come late.
    #[must_use]
    pub fn now(&self) -> Option<u64> {
        let watched = &self.0;
        let doubtful_until = watched.doubtful_until.load(Ordering::SeqCst);
        let is_sure = doubtful_until == 0 || watched.age() > doubtful_until;
        is_sure.then(|| watched.commits.load(Ordering::SeqCst))
    }
}

/// A commit under way. It counts as soon as this is dropped, and leaves doubt unless it has ended.
pub(super) struct Committing {
    touched: Vec<Arc<Watched>>,
    has_ended: bool,
}

impl Committing {
    /// The commit of a transaction that has brought this.
    pub(super) fn begin(brought: &mut Brought) -> Self {
        Self {
            touched: std::mem::take(&mut brought.touched),
            has_ended: false,
        }
    }

    /// Counts the commit: the database has said that it is done.
    pub(super) fn end(mut self) {
        self.has_ended = true;
    }
}

impl Drop for Committing {
    fn drop(&mut self) {
        for watched in &self.touched {
            if !self.has_ended {
                watched.doubt();
            }
            watched.commits.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// What a transaction's commit is news of.
#[derive(Debug, Clone, Default)]
pub(super) struct Brought {
    /// Events in the outbox.
    pub(super) pushed: bool,
    /// Tasks.
    pub(super) enqueued: bool,
    /// Events that a group has to handle.
    pub(super) accepted: bool,
    /// Changes of watched tables.
    touched: Vec<Arc<Watched>>,
}

impl Default for Signals {
    fn default() -> Self {
        Self {
            outbox: watch::Sender::new(0),
            tasks: watch::Sender::new(0),
            deliveries: watch::Sender::new(0),
            watched: RwLock::default(),
        }
    }
}

impl Signals {
    /// Counts the commits that change these tables from now on.
    pub(super) fn watch(&self, tables: &'static [&'static str]) -> Edition {
        let watched = Arc::new(Watched::new(tables));
        let mut all = self.watched.write().unwrap_or_else(PoisonError::into_inner);
        all.push(Arc::clone(&watched));
        Edition(watched)
    }

    /// Notes which watched tables a statement may change.
    pub(super) fn note(&self, statement: &str, brought: &mut Brought) {
        if statement.starts_with("SELECT") {
            return;
        }
        for watched in &*self.watched.read().unwrap_or_else(PoisonError::into_inner) {
            let is_known = brought.touched.iter().any(|it| Arc::ptr_eq(it, watched));
            if !is_known && watched.is_touched_by(statement) {
                brought.touched.push(Arc::clone(watched));
            }
        }
    }

    pub(super) fn committed(&self, brought: &Brought) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_touches_the_table_that_it_changes_and_not_those_that_it_only_reads() {
        let watched = Watched::new(&["videos", "courses"]);
        for (is_touched, statement) in [
            (true, "INSERT INTO videos (id) SELECT id FROM uploads"),
            (true, "UPDATE videos SET title = $1"),
            (true, "DELETE FROM courses WHERE id = $1"),
            (true, "WITH old AS (SELECT 1) UPDATE courses SET title = $1"),
            (true, "INSERT OR REPLACE INTO videos (id) VALUES ($1)"),
            (false, "DELETE FROM playbacks WHERE id IN (SELECT id FROM videos)"),
            (
                false,
                "UPDATE uploads SET length = $1 WHERE EXISTS (SELECT 1 FROM videos)",
            ),
            (false, "INSERT INTO watches (id) SELECT id FROM courses"),
        ] {
            assert_eq!(watched.is_touched_by(statement), is_touched, "{statement}");
        }
    }
}
