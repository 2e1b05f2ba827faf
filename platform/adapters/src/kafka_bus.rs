//! The bus on a Kafka cluster, for services in processes of their own.
//!
//! Nothing here waits for a broker that is away: the relays keep what they could not publish, members accept what comes
//! when it is back, and all of it is counted by [`Watch`](watch::Watch).

mod address;
mod client;
mod listener;
mod member;
mod offsets;
mod record;
mod watch;

pub use address::KafkaAddress;

use async_trait::async_trait;
use backing::bus::{Broadcast, Bus, BusError, Consumer, Lag, Outgoing, Subscription};
use client::Client;
use futures::future::{join_all, try_join_all};
use listener::Listener;
use member::Member;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::Client as Connection;
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::producer::future_producer::FutureProducerContext;
use rdkafka::producer::{FutureProducer, FutureRecord, Producer as _};
use rdkafka::types::RDKafkaErrorCode;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};
use uuid::Uuid;
use watch::{Context, Watch};

/// How long a batch may take; the relay's own limit is longer.
const PUBLISHING: Duration = Duration::from_secs(8);
/// How long a record waits for a place in the producer's queue.
const QUEUEING: Duration = Duration::from_secs(1);
/// How long a broker may take to list its topics: before the start, and for a check.
const FINDING: Duration = Duration::from_secs(5);
const CHECKING: Duration = Duration::from_secs(1);
/// How long the creation of topics may take.
const CREATING: Duration = Duration::from_secs(30);
/// How long an event stays on the broker for a group that is away. Marks of handled events are kept for longer.
const RETENTION_MS: &str = "1209600000";
/// How many events a slow listener of a broadcast may lag behind before it loses some.
const BACKLOG: usize = 4_096;

type Producer = FutureProducer<Context>;

/// The bus on a Kafka cluster.
pub struct KafkaBus {
    address: KafkaAddress,
    watch: Arc<Watch>,
    producer: Mutex<Producer>,
    members: Mutex<Vec<Arc<Member>>>,
}

impl std::fmt::Debug for KafkaBus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KafkaBus")
    }
}

impl KafkaBus {
    /// A bus on the cluster at an address, which may be away.
    ///
    /// Errors: settings that the client library refuses
    pub fn new(address: KafkaAddress) -> Result<Self, BusError> {
        let watch = address.watch();
        let producer = producer(&address, &watch).map_err(|error| BusError::Refused(error.to_string()))?;
        Ok(Self {
            address,
            watch,
            producer: Mutex::new(producer),
            members: Mutex::new(Vec::new()),
        })
    }

    /// The broker's names of those topics that it lacks.
    ///
    /// Errors: a broker that is away
    pub async fn missing(&self, topics: &[&str]) -> Result<Vec<String>, BusError> {
        let names: Vec<String> = topics.iter().map(|topic| self.address.name(topic)).collect();
        self.ask(move |connection| offsets::missing(connection, &names, FINDING))
            .await
    }

    /// Asks a broker, beside the runtime's threads.
    async fn ask<T, F>(&self, question: F) -> Result<T, BusError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection<FutureProducerContext<Context>>) -> KafkaResult<T> + Send + 'static,
    {
        let producer = self.producer();
        let asked = tokio::task::spawn_blocking(move || question(producer.client())).await;
        match asked.map_err(|error| BusError::Away(error.to_string()))? {
            Ok(answer) => {
                self.watch.succeeded();
                Ok(answer)
            }
            Err(error) => {
                self.watch.failed(&error, "no answer");
                Err(BusError::Away(error.to_string()))
            }
        }
    }

    async fn create(&self, names: &[String]) -> Result<(), BusError> {
        let away = |error: KafkaError| BusError::Away(error.to_string());
        let config = self.address.client();
        let admin: AdminClient<Context> = config.create_with_context(Context::new(&self.watch)).map_err(away)?;
        let topics: Vec<NewTopic<'_>> = names
            .iter()
            .map(|name| {
                // as many replicas as the cluster makes by default
                let topic = NewTopic::new(name, self.address.partitions(), TopicReplication::Fixed(-1));
                topic.set("retention.ms", RETENTION_MS)
            })
            .collect();
        let options = AdminOptions::new()
            .request_timeout(Some(CREATING))
            .operation_timeout(Some(CREATING));
        for created in admin.create_topics(&topics, &options).await.map_err(away)? {
            match created {
                // another process was quicker
                Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((name, code)) => return Err(BusError::Refused(format!("the topic {name} can't be made: {code}"))),
            }
        }
        Ok(())
    }

    fn producer(&self) -> Producer {
        self.producer.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes another producer if one has failed for good, as after the loss of a broker's disk.
    fn renew(&self, failed: &Producer) {
        if failed.client().fatal_error().is_none() {
            return;
        }
        let mut current = self.producer.lock().unwrap_or_else(PoisonError::into_inner);
        if current.client().native_ptr() == failed.client().native_ptr() {
            match producer(&self.address, &self.watch) {
                Ok(new) => *current = new,
                Err(error) => tracing::error!(%error, "a producer can't be made"),
            }
        }
    }

    fn members(&self) -> MutexGuard<'_, Vec<Arc<Member>>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn producer(address: &KafkaAddress, watch: &Arc<Watch>) -> KafkaResult<Producer> {
    address.producer().create_with_context(Context::new(watch))
}

#[async_trait]
impl Bus for KafkaBus {
    async fn prepare(&self, topics: &[&str]) -> Result<(), BusError> {
        let begun = Instant::now();
        loop {
            let missing = self.missing(topics).await?;
            if missing.is_empty() {
                return Ok(());
            }
            if begun.elapsed() > CREATING {
                return Err(BusError::Away(format!(
                    "the topics {} do not appear",
                    missing.join(", ")
                )));
            }
            self.create(&missing).await?;
            // brokers learn of new topics a moment later
            sleep(Duration::from_millis(50)).await;
        }
    }

    async fn publish(&self, topic: &str, batch: &[Outgoing]) -> Result<(), BusError> {
        let (name, producer) = (self.address.name(topic), self.producer());
        match timeout(PUBLISHING, send(&producer, &name, batch)).await {
            Ok(Ok(())) => {
                self.watch.succeeded();
                Ok(())
            }
            Ok(Err(error)) => {
                self.watch.failed(&error, "events can't be published");
                self.renew(&producer);
                Err(refusal(&name, &error))
            }
            Err(_) => Err(BusError::Away(format!("no acknowledgement in {PUBLISHING:?}"))),
        }
    }

    async fn subscribe_group(&self, subscription: Subscription) -> Result<Consumer, BusError> {
        let topics = subscription
            .topics
            .iter()
            .map(|topic| self.address.name(topic))
            .collect();
        let config = self.address.member(subscription.group);
        let member = Member::new(subscription, topics, config, &self.watch)
            .map_err(|error| BusError::Refused(error.to_string()))?;
        let member = Arc::new(member);
        self.members().push(Arc::clone(&member));
        Ok(Consumer::new(member.name(), move |assigned, stop| async move {
            member.run(assigned, stop).await
        }))
    }

    async fn subscribe_broadcast(&self, topic: &'static str) -> Result<(Broadcast, Consumer), BusError> {
        let client = Client::new(&self.address.listener(), Context::new(&self.watch))
            .map_err(|error| BusError::Refused(error.to_string()))?;
        let broadcast = Broadcast::new(BACKLOG);
        let listener = Listener {
            client,
            topic: self.address.name(topic),
            broadcast: broadcast.clone(),
            watch: Arc::clone(&self.watch),
        };
        let consumer = Consumer::new(topic, move |assigned, stop| listener.run(assigned, stop));
        Ok((broadcast, consumer))
    }

    async fn lag(&self) -> Result<Vec<Lag>, BusError> {
        let members = self.members().clone();
        let lags = join_all(members.iter().map(|member| member.lag())).await;
        let lags: Result<Vec<Lag>, String> = lags.into_iter().collect();
        if lags.as_ref().is_ok_and(|lags| !lags.is_empty()) {
            self.watch.succeeded();
        }
        lags.map_err(BusError::Away)
    }

    async fn check(&self) -> Result<(), BusError> {
        self.ask(move |connection| offsets::missing(connection, &[], CHECKING))
            .await
            .map(|_| ())
    }
}

/// Publishes a batch in rounds: an event follows once the event before it of the same aggregate is acknowledged.
///
/// So no copy of it can come before the first copy of that one, whatever is lost or sent again: not by a batch of which a
/// part fails, nor by two relays that publish the same events.
async fn send(producer: &Producer, topic: &str, batch: &[Outgoing]) -> KafkaResult<()> {
    let (mut rounds, mut sent): (Vec<Vec<&Outgoing>>, HashMap<Uuid, usize>) = Default::default();
    for event in batch {
        let round = sent.entry(event.key).or_default();
        if *round == rounds.len() {
            rounds.push(Vec::new());
        }
        rounds[*round].push(event);
        *round += 1;
    }
    for round in rounds {
        let acknowledged = round.into_iter().map(|event| async move {
            let key = event.key.to_string();
            let record = FutureRecord::to(topic).key(&key).payload(&event.bytes[..]);
            let record = record.headers(record::headers(event));
            let sent = producer.send(record, QUEUEING).await;
            sent.map(|_| ()).map_err(|(error, _)| error)
        });
        try_join_all(acknowledged).await?;
    }
    Ok(())
}

/// Why a batch was not published: because of an event in it, or because of the cluster.
fn refusal(topic: &str, error: &KafkaError) -> BusError {
    use RDKafkaErrorCode::{
        InvalidMessage, InvalidMessageSize, InvalidRecord, MessageBatchTooLarge, MessageSizeTooLarge, UnknownTopic,
        UnknownTopicOrPartition,
    };
    match error.rdkafka_error_code() {
        Some(InvalidMessage | InvalidMessageSize | InvalidRecord | MessageBatchTooLarge | MessageSizeTooLarge) => {
            BusError::Refused(error.to_string())
        }
        Some(UnknownTopic | UnknownTopicOrPartition) => {
            BusError::Away(format!("there is no topic {topic}; `moocflix migrate` makes it"))
        }
        _ => BusError::Away(error.to_string()),
    }
}
