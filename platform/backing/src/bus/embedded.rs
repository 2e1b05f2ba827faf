//! The bus of one process: handlers are called by whoever publishes.

use super::{Bus, BusError, Handler};
use async_trait::async_trait;
use contracts::Event;
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::broadcast;

use futures::FutureExt as _;

/// Events that a slow reader of a broadcast may lag behind before it loses some.
const BACKLOG: usize = 4_096;
/// A handler that takes longer is taken for stuck.
const HANDLING: Duration = Duration::from_secs(20);

struct Group {
    name: &'static str,
    topics: Vec<&'static str>,
    handler: Arc<dyn Handler>,
}

#[derive(Default)]
struct Subscribers {
    groups: Vec<Arc<Group>>,
    broadcasts: HashMap<String, broadcast::Sender<Event>>,
}

/// The bus of one process; what was not published is kept by the outbox, not here.
#[derive(Default)]
pub struct EmbeddedBus {
    subscribers: Mutex<Subscribers>,
}

impl std::fmt::Debug for EmbeddedBus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EmbeddedBus")
    }
}

impl EmbeddedBus {
    /// A bus without subscribers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn subscribers(&self) -> MutexGuard<'_, Subscribers> {
        self.subscribers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Bus for EmbeddedBus {
    async fn publish(&self, topic: &str, events: &[Event]) -> Result<(), BusError> {
        let groups: Vec<Arc<Group>> = {
            let subscribers = self.subscribers();
            let of_topic = subscribers.groups.iter().filter(|group| group.topics.contains(&topic));
            of_topic.cloned().collect()
        };
        for event in events {
            // every group gets its chance, so that one that fails doesn't keep the event from the others
            let mut failed = None;
            for group in &groups {
                if let Err(error) = deliver(group, event).await {
                    failed = Some(BusError(format!("group {}: {error}", group.name)));
                }
            }
            if let Some(error) = failed {
                return Err(error);
            }
            if let Some(sender) = self.subscribers().broadcasts.get(topic) {
                // nobody listening is no error
                let _ = sender.send(event.clone());
            }
        }
        Ok(())
    }

    fn subscribe_group(&self, group: &'static str, topics: &[&'static str], handler: Arc<dyn Handler>) {
        let group = Group {
            name: group,
            topics: topics.to_vec(),
            handler,
        };
        self.subscribers().groups.push(Arc::new(group));
    }

    fn subscribe_broadcast(&self, topic: &'static str) -> broadcast::Receiver<Event> {
        let mut subscribers = self.subscribers();
        let sender = subscribers.broadcasts.entry(topic.to_owned());
        sender.or_insert_with(|| broadcast::channel(BACKLOG).0).subscribe()
    }
}

async fn deliver(group: &Group, event: &Event) -> Result<(), String> {
    let handling = AssertUnwindSafe(group.handler.handle(event)).catch_unwind();
    match tokio::time::timeout(HANDLING, handling).await {
        Ok(Ok(result)) => result.map_err(|error| error.to_string()),
        Ok(Err(_)) => Err("the handler panicked".to_owned()),
        Err(_) => Err("the handler took too long".to_owned()),
    }
}
