//! The contract of every bus.

use super::consumer::Consumer;
use super::handler::Handler;
use crate::{Clock, Db};
use async_trait::async_trait;
use bytes::Bytes;
use contracts::{Event, EventId};
use std::sync::Arc;
use tokio::sync::broadcast;
use uuid::Uuid;

/// Why the bus did not do something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BusError {
    /// It refused this batch or this subscription, with the reason in words; others may pass.
    #[error("{0}")]
    Refused(String),
    /// It can't be reached, with the reason in words; nothing passes until it is back.
    #[error("{0}")]
    Away(String),
}

/// An event on its way to the bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// The aggregate; events of one key keep their order.
    pub key: Uuid,
    /// The event's id, which identifies repetitions.
    pub id: EventId,
    /// The event's JSON.
    pub bytes: Bytes,
}

/// A group's subscription.
pub struct Subscription {
    /// The group's name; its members share the events.
    pub group: &'static str,
    /// The topics whose events it receives.
    pub topics: &'static [&'static str],
    /// The schema of the group's effects, which also has its deliveries, inbox and dead letters.
    pub db: Db,
    /// The clock, for pauses between attempts.
    pub clock: Clock,
    /// The group's effect.
    pub handler: Arc<dyn Handler>,
}

/// The number of events that a group still has to handle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lag {
    /// The group.
    pub group: &'static str,
    /// Events that are accepted but not completely handled.
    pub events: i64,
}

/// The events of a topic, as this process receives them.
#[derive(Debug, Clone)]
pub struct Broadcast(broadcast::Sender<Event>);

impl Broadcast {
    /// A broadcast on which a slow listener may lag this many events behind before it loses the oldest.
    #[must_use]
    pub fn new(backlog: usize) -> Self {
        Self(broadcast::channel(backlog).0)
    }

    /// A receiver of all events of known kinds from now on.
    #[must_use]
    pub fn listen(&self) -> broadcast::Receiver<Event> {
        self.0.subscribe()
    }

    /// Sends an event to all listeners.
    pub fn send(&self, event: Event) {
        // having no listener is no error
        let _ = self.0.send(event);
    }
}

/// Carries events from a service's relay to all subscribers.
#[async_trait]
pub trait Bus: Send + Sync {
    /// Creates missing topics.
    async fn prepare(&self, topics: &[&str]) -> Result<(), BusError>;

    /// Publishes a batch to one topic; once this returns, every group has it durably, or will have it.
    ///
    /// Errors: some of the batch may have been accepted; publishing it again has no further effect
    async fn publish(&self, topic: &str, batch: &[Outgoing]) -> Result<(), BusError>;

    /// Subscribes a group: one of its members handles each event, in order per key, with one effect.
    async fn subscribe_group(&self, subscription: Subscription) -> Result<Consumer, BusError>;

    /// Subscribes this process to a topic from now on; events may be lost on the way.
    async fn subscribe_broadcast(&self, topic: &'static str) -> Result<(Broadcast, Consumer), BusError>;

    /// How far the groups of this process lag behind; takes seconds at most.
    async fn lag(&self) -> Result<Vec<Lag>, BusError>;

    /// Whether the bus can be reached; takes a second at most.
    async fn check(&self) -> Result<(), BusError> {
        Ok(())
    }
}
