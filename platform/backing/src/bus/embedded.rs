//! The bus without a broker: a publisher writes to the deliveries of each group.
//!
//! It only knows the groups that subscribed in its process, so every process that publishes a topic must subscribe all
//! groups of that topic before its relays run. Broadcasts only reach the publisher's process.

use super::consumer::Consumer;
use super::group::Group;
use super::port::{Broadcast, Bus, BusError, Lag, Outgoing, Subscription};
use async_trait::async_trait;
use contracts::Event;
use contracts::events::Received;
use futures::future::join_all;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many events a slow listener of a broadcast may lag behind before it loses some.
const BACKLOG: usize = 4_096;

#[derive(Default)]
struct Subscribers {
    groups: Vec<Arc<Group>>,
    broadcasts: HashMap<&'static str, Broadcast>,
}

/// The bus of one machine; the groups' schemas hold its state.
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

    fn broadcast(&self, topic: &str, batch: &[Outgoing]) {
        let broadcast = self.subscribers().broadcasts.get(topic).cloned();
        for outgoing in broadcast.iter().flat_map(|_| batch) {
            match (Event::read(&outgoing.bytes), &broadcast) {
                (Ok(Received::Known(event)), Some(broadcast)) => broadcast.send(event),
                (Ok(_), _) => {}
                (Err(error), _) => tracing::warn!(event = %outgoing.id, %error, "an event can't be broadcast"),
            }
        }
    }
}

#[async_trait]
impl Bus for EmbeddedBus {
    async fn prepare(&self, _topics: &[&str]) -> Result<(), BusError> {
        Ok(()) // topics are names here
    }

    async fn publish(&self, topic: &str, batch: &[Outgoing]) -> Result<(), BusError> {
        let groups: Vec<Arc<Group>> = {
            let subscribers = self.subscribers();
            let of_topic = subscribers.groups.iter().filter(|group| group.hears(topic));
            of_topic.cloned().collect()
        };
        // every group gets its turn, so that a failing group does not keep events from the others
        let accepted = join_all(groups.iter().map(|group| group.accept(batch))).await;
        for (group, accepted) in groups.iter().zip(accepted) {
            accepted.map_err(|error| BusError::Refused(format!("group {}: {error}", group.name())))?;
        }
        self.broadcast(topic, batch);
        Ok(())
    }

    async fn subscribe_group(&self, subscription: Subscription) -> Result<Consumer, BusError> {
        let group = Arc::new(Group::new(subscription));
        self.subscribers().groups.push(Arc::clone(&group));
        Ok(Consumer::new(group.name(), move |assign, stop| async move {
            assign.send_replace(true);
            group.run(stop).await;
            Ok(())
        }))
    }

    async fn subscribe_broadcast(&self, topic: &'static str) -> Result<(Broadcast, Consumer), BusError> {
        let mut subscribers = self.subscribers();
        let broadcast = subscribers.broadcasts.entry(topic);
        let broadcast = broadcast.or_insert_with(|| Broadcast::new(BACKLOG)).clone();
        // the publisher does this work
        let consumer = Consumer::new(topic, |assign, stop| async move {
            assign.send_replace(true);
            stop.await;
            Ok(())
        });
        Ok((broadcast, consumer))
    }

    async fn lag(&self) -> Result<Vec<Lag>, BusError> {
        let groups = self.subscribers().groups.clone();
        let lags = join_all(groups.iter().map(|group| group.lag())).await;
        let lags = lags.into_iter().collect::<Result<_, _>>();
        lags.map_err(|error| BusError::Refused(error.to_string()))
    }
}
