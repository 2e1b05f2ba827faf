//! This process's ear for all events of a topic, from now on.

use super::client::Client;
use super::offsets;
use super::record;
use super::watch::Watch;
use backing::bus::Broadcast;
use contracts::Event;
use contracts::events::Received;
use futures::future::BoxFuture;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaError;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch::Sender;
use tokio::time::sleep;

/// The interval between attempts to find the topic.
const SEARCHING: Duration = Duration::from_secs(1);

/// Hears the events of one topic.
pub(super) struct Listener {
    pub(super) client: Client,
    /// The topic's name on the broker.
    pub(super) topic: String,
    pub(super) broadcast: Broadcast,
    pub(super) watch: Arc<Watch>,
}

impl Listener {
    /// Hears events until `stop` resolves.
    ///
    /// Errors: one after which the library receives nothing any more
    pub(super) async fn run(self, assigned: Sender<bool>, stop: BoxFuture<'static, ()>) -> Result<(), String> {
        let listener = Arc::new(self);
        tokio::select! {
            () = stop => Ok(()),
            error = listen(&listener, assigned) => Err(error.to_string()),
        }
    }

    fn hear(&self, event: &backing::bus::Outgoing) {
        match Event::read(&event.bytes) {
            Ok(Received::Known(event)) => self.broadcast.send(event),
            Ok(Received::Unknown(_)) => {}
            Err(error) => tracing::warn!(event = %event.id, %error, "an event can't be broadcast"),
        }
    }
}

async fn listen(listener: &Arc<Listener>, assigned: Sender<bool>) -> KafkaError {
    let from = found(listener).await;
    if let Err(error) = listener.client.assign(&from) {
        return error;
    }
    assigned.send_replace(true);
    loop {
        match listener.client.recv().await {
            Ok(record) => listener.hear(&record::event(&record)),
            Err(error @ KafkaError::MessageConsumptionFatal(_)) => return error,
            // the context has counted it, and the library tries again
            Err(_) => {}
        }
    }
}

/// The ends of the topic's partitions, as soon as the broker is there.
async fn found(listener: &Arc<Listener>) -> TopicPartitionList {
    loop {
        let asking = Arc::clone(listener);
        let asked = tokio::task::spawn_blocking(move || offsets::ends_of(&asking.client, &asking.topic));
        match asked.await {
            Ok(Ok(ends)) => return ends,
            Ok(Err(error)) => listener.watch.failed(&error, "a topic can't be found"),
            Err(error) => tracing::warn!(%error, "a topic was not looked for"),
        }
        sleep(SEARCHING).await;
    }
}
