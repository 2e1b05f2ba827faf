//! What the library reports of its connections: errors are counted, and logged once a minute.

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, ConsumerContext, Rebalance};
use rdkafka::error::KafkaError;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch::Sender;

/// The shortest time between two logged errors.
const QUIET: Duration = Duration::from_secs(60);

/// Watches all clients of one cluster.
pub(super) struct Watch {
    servers: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Whether the last news was an error.
    is_away: bool,
    /// Whether the log ends with an error.
    is_logged: bool,
    /// When an error was logged last.
    logged: Option<Instant>,
}

impl Watch {
    pub(super) fn new(servers: String) -> Self {
        Self {
            servers,
            state: Mutex::default(),
        }
    }

    /// Counts an error.
    pub(super) fn failed(&self, error: &KafkaError, reason: &str) {
        backing::bus::count_error();
        let mut state = self.state();
        state.is_away = true;
        if state.logged.is_none_or(|at| at.elapsed() >= QUIET) {
            (state.is_logged, state.logged) = (true, Some(Instant::now()));
            let servers = &self.servers;
            tracing::warn!(servers, %error, reason, "Kafka is away or refuses; MoocFlix goes on, and keeps its events until it is back");
        }
    }

    /// Notes a success.
    pub(super) fn succeeded(&self) {
        let mut state = self.state();
        state.is_away = false;
        if std::mem::take(&mut state.is_logged) {
            tracing::info!(servers = self.servers, "Kafka answers again");
        }
    }

    /// Whether the last news of the cluster was an error.
    pub(super) fn is_away(&self) -> bool {
        self.state().is_away
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The context of one client.
pub(super) struct Context {
    watch: Arc<Watch>,
    assigned: OnceLock<Sender<bool>>,
}

impl Context {
    pub(super) fn new(watch: &Arc<Watch>) -> Self {
        Self {
            watch: Arc::clone(watch),
            assigned: OnceLock::new(),
        }
    }

    pub(super) fn watch(&self) -> &Watch {
        &self.watch
    }

    /// Reports to a sender that the client has its share of a group's partitions.
    pub(super) fn report(&self, assigned: Sender<bool>) {
        // a client belongs to one consumer, which runs once
        let _ = self.assigned.set(assigned);
    }
}

impl ClientContext for Context {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(facility, message, "librdkafka");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.watch.failed(&error, reason);
    }
}

impl ConsumerContext for Context {
    fn post_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        // a member has no partitions if the others have them all
        if let (Rebalance::Assign(_), Some(assigned)) = (rebalance, self.assigned.get()) {
            assigned.send_replace(true);
        }
    }
}
