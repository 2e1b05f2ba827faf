//! A consumer's client, which is closed beside the runtime's threads: it waits there for the broker.

use super::watch::Context;
use rdkafka::ClientConfig;
use rdkafka::consumer::{Consumer as _, StreamConsumer};
use rdkafka::error::KafkaResult;
use std::ops::Deref;
use tokio::sync::watch::{Receiver, Sender};

/// A client; the last owner of it leaves its group.
pub(super) struct Client {
    consumer: Option<StreamConsumer<Context>>,
    closed: Option<Sender<()>>,
}

impl Client {
    pub(super) fn new(config: &ClientConfig, context: Context) -> KafkaResult<Self> {
        Ok(Self {
            consumer: Some(config.create_with_context(context)?),
            closed: Some(Sender::new(())),
        })
    }

    /// A receiver whose sender vanishes when the client is closed.
    pub(super) fn closed(&self) -> Option<Receiver<()>> {
        self.closed.as_ref().map(Sender::subscribe)
    }
}

impl Deref for Client {
    type Target = StreamConsumer<Context>;

    fn deref(&self) -> &Self::Target {
        match &self.consumer {
            Some(consumer) => consumer,
            None => unreachable!("only its end takes the consumer"),
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let (consumer, closed) = (self.consumer.take(), self.closed.take());
        if consumer.as_ref().is_some_and(|it| it.context().watch().is_away()) {
            // The library might wait for ever for a broker that is away. Nobody can hear that this process leaves, which is
            // about to end, and the connections with it.
            std::mem::forget(consumer);
            return;
        }
        tokio::task::spawn_blocking(move || {
            drop(consumer);
            drop(closed);
        });
    }
}
