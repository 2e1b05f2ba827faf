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

/// A batch that was not accepted, or a subscription that could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BusError(pub String);

/// An event on its way to the bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// The aggregate; events of one key keep their order.
    pub key: Uuid,
    /// The event's id, by which a repetition is known.
    pub id: EventId,
    /// The event's JSON.
    pub bytes: Bytes,
}

/// What a group asks for.
pub struct Subscription {
    /// The group's name; its members share the events.
    pub group: &'static str,
    /// The topics whose events it gets.
    pub topics: &'static [&'static str],
    /// The schema of the group's effects; deliveries, inbox and dead letters stand in it, too.
    pub db: Db,
    /// The time, for pauses between tries.
    pub clock: Clock,
    /// The group's effect.
    pub handler: Arc<dyn Handler>,
}

/// How many events a group still has to handle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lag {
    /// The group.
    pub group: &'static str,
    /// Events that are accepted and not handled to their end.
    pub events: i64,
}

/// The events of a topic as this process hears them.
#[derive(Debug, Clone)]
pub struct Broadcast(broadcast::Sender<Event>);

impl Broadcast {
    /// A broadcast on which a slow listener may lag this many events behind before it loses the oldest.
    #[must_use]
    pub fn new(backlog: usize) -> Self {
        Self(broadcast::channel(backlog).0)
    }

    /// Hears each event of a known kind from now on.
    #[must_use]
    pub fn listen(&self) -> broadcast::Receiver<Event> {
        self.0.subscribe()
    }

    /// Passes an event to all listeners.
    pub fn send(&self, event: Event) {
        // nobody listening is no error
        let _ = self.0.send(event);
    }
}

/// Carries events from a service's relay to all who subscribed.
#[async_trait]
pub trait Bus: Send + Sync {
    /// Makes the topics that are not there yet.
    async fn prepare(&self, topics: &[&str]) -> Result<(), BusError>;

    /// Hands a batch of one topic over; once this returns, every group has it durably, or will have it.
    ///
    /// Errors: some of the batch may have been accepted; publishing it again has no further effect
    async fn publish(&self, topic: &str, batch: &[Outgoing]) -> Result<(), BusError>;

    /// Subscribes a group: one of its members handles each event, in order per key, with one effect.
    async fn subscribe_group(&self, subscription: Subscription) -> Result<Consumer, BusError>;

    /// Subscribes this process to a topic from now on; an event may be lost on the way.
    async fn subscribe_broadcast(&self, topic: &'static str) -> Result<(Broadcast, Consumer), BusError>;

    /// How far the groups of this process lag behind.
    async fn lag(&self) -> Result<Vec<Lag>, BusError>;
}
