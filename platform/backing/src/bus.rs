//! What the services tell each other afterwards: outbox, relay, bus, inbox.
//!
//! A repository pushes an event into the [`outbox`] in the transaction of its change. The
//! [`Relay`](outbox::Relay) publishes it on the [`Bus`], at least once and in order per aggregate.
//! A group's handler marks it in the [`inbox`] in the transaction of its effect, which so happens once.

pub mod conformance;
mod embedded;
pub mod inbox;
pub mod outbox;

pub use embedded::EmbeddedBus;

use async_trait::async_trait;
use contracts::Event;
use std::sync::Arc;
use tokio::sync::broadcast;

/// An event that could not be published; it stays in the outbox and is tried again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not published: {0}")]
pub struct BusError(pub String);

/// Why a handler could not take an event; it will get the same event again.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct HandlerError(pub String);

impl From<crate::DbError> for HandlerError {
    fn from(error: crate::DbError) -> Self {
        Self(error.to_string())
    }
}

/// A group's part: takes each event of its topics, now and then one twice.
#[async_trait]
pub trait Handler: Send + Sync {
    /// Does what the event asks for; an effect that must happen once asks the inbox first.
    async fn handle(&self, event: &Event) -> Result<(), HandlerError>;
}

/// Carries events from a service's relay to all who subscribed.
#[async_trait]
pub trait Bus: Send + Sync {
    /// Publishes events of one topic in order; on success each group has them for good.
    async fn publish(&self, topic: &str, events: &[Event]) -> Result<(), BusError>;

    /// Subscribes a group: each event is handled by one of its members, until that succeeds.
    fn subscribe_group(&self, group: &'static str, topics: &[&'static str], handler: Arc<dyn Handler>);

    /// Subscribes this process to each event of a topic from now on; a slow reader loses the oldest.
    fn subscribe_broadcast(&self, topic: &'static str) -> broadcast::Receiver<Event>;
}
