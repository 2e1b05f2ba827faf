//! A member of a group on Kafka.
//!
//! It accepts records durably as deliveries of its group, and only then commits their offsets. From there on events are
//! handled as with every other bus, so that one that is refused holds up no other.

use super::client::{Client, LEAVING};
use super::offsets;
use super::record;
use super::watch::{Context, Watch};
use backing::bus::{Group, Lag, Outgoing, Subscription};
use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _};
use rdkafka::ClientConfig;
use rdkafka::consumer::{CommitMode, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::BorrowedMessage;
use rdkafka::{Message as _, Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch::Sender;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

/// Records that are accepted in one transaction.
const RECORDS: usize = 500;
const BYTES: usize = 1_048_576;
/// The interval between looks whether there is room for events again.
const FULL_PAUSE: Duration = Duration::from_millis(500);
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LAST_PAUSE: Duration = Duration::from_secs(5);

/// This process's member of a group.
pub(super) struct Member {
    group: Group,
    /// The topics' names on the broker.
    topics: Vec<String>,
    config: ClientConfig,
    /// The connection, until the member has left.
    client: Mutex<Option<Arc<Client>>>,
    watch: Arc<Watch>,
}

impl Member {
    /// A member with a connection of its own, which joins the group when it runs.
    pub(super) fn new(
        subscription: Subscription,
        topics: Vec<String>,
        mut config: ClientConfig,
        watch: &Arc<Watch>,
    ) -> KafkaResult<Self> {
        // No other member has this name. By it, the broker gives the member its place back at once when it comes again after an
        // outage, also with another connection. Without it, the member would wait until the session of its former self ends.
        config.set("group.instance.id", Uuid::now_v7().to_string());
        let client = Client::new(&config, Context::new(watch))?;
        Ok(Self {
            group: Group::new(subscription),
            topics,
            config,
            client: Mutex::new(Some(Arc::new(client))),
            watch: Arc::clone(watch),
        })
    }

    pub(super) fn name(&self) -> &'static str {
        self.group.name()
    }

    /// Accepts and handles events until `stop` resolves.
    ///
    /// Errors: a connection that can't be made
    pub(super) async fn run(&self, assigned: Sender<bool>, stop: BoxFuture<'static, ()>) -> Result<(), String> {
        let stop = stop.shared();
        let leave = Leave(&self.client);
        let received = async {
            while let Some(client) = self.client() {
                client.context().report(assigned.clone());
                tokio::select! {
                    () = stop.clone() => {
                        // others take over while this process handles what it has accepted
                        let closed = client.closed();
                        drop(client);
                        drop(leave);
                        if let Some(mut closed) = closed {
                            let _ = timeout(LEAVING, closed.changed()).await;
                        }
                        break;
                    }
                    error = self.receive(&client) => {
                        sleep(FIRST_PAUSE).await;
                        self.renew(&error)?;
                    }
                }
            }
            Ok(())
        };
        let handled = self.group.run(stop.clone()).map(Ok);
        futures::future::try_join(received, handled).await.map(|_| ())
    }

    /// Takes another connection after an error with which the library gives one up for good.
    ///
    /// Errors: settings that the library refuses
    fn renew(&self, error: &str) -> Result<(), String> {
        tracing::warn!(group = self.name(), error, "a member of a group begins anew");
        let client = Client::new(&self.config, Context::new(&self.watch)).map_err(|error| error.to_string())?;
        *self.client.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(client));
        Ok(())
    }

    /// Receives until the library gives up.
    async fn receive(&self, client: &Client) -> String {
        let topics: Vec<&str> = self.topics.iter().map(String::as_str).collect();
        if let Err(error) = client.subscribe(&topics) {
            return error.to_string();
        }
        let mut is_paused = false;
        loop {
            let received = if is_paused {
                // the library has to be asked meanwhile, or the other members wait for this one
                timeout(FULL_PAUSE, next(client))
                    .await
                    .unwrap_or_else(|_| Ok(Batch::default()))
            } else {
                next(client).await
            };
            let batch = match received {
                Ok(batch) => batch,
                Err(error) => return error.to_string(),
            };
            if !batch.events.is_empty() {
                self.accept(&batch.events).await;
                self.watch.succeeded();
                if let Err(error) = batch.commit(client) {
                    tracing::debug!(group = self.name(), %error, "offsets not committed yet");
                }
            }
            match self.pause_if_full(client, is_paused).await {
                Ok(paused) => is_paused = paused,
                Err(error) => tracing::debug!(group = self.name(), error, "not paused or resumed"),
            }
        }
    }

    /// Leaves events on the broker while many wait in the schema; returns whether it does so now.
    async fn pause_if_full(&self, client: &Client, is_paused: bool) -> Result<bool, String> {
        let is_full = self.group.is_full().await.map_err(|error| error.to_string())?;
        let changed = if is_full {
            // also those partitions that this member got meanwhile
            client.assignment().and_then(|held| client.pause(&held))
        } else if is_paused {
            client.assignment().and_then(|held| client.resume(&held))
        } else {
            Ok(())
        };
        changed.map_err(|error| error.to_string())?;
        if is_full && !is_paused {
            tracing::warn!(
                group = self.name(),
                limit = Group::FULL,
                "more events wait than this; Kafka keeps the others"
            );
        }
        Ok(is_full)
    }

    /// Accepts a batch, however long the database is away.
    async fn accept(&self, events: &[Outgoing]) {
        let mut pause = FIRST_PAUSE;
        while let Err(error) = self.group.accept(events).await {
            tracing::warn!(group = self.name(), %error, "events could not be accepted; they are retried");
            sleep(pause).await;
            pause = (pause * 2).min(LAST_PAUSE);
        }
    }

    /// Counts the events that wait on the broker or are not completely handled.
    pub(super) async fn lag(&self) -> Result<Lag, String> {
        let waiting = match self.client() {
            Some(client) => {
                let topics = self.topics.clone();
                let asked = tokio::task::spawn_blocking(move || offsets::uncommitted(&client, &topics));
                let answered = asked.await.map_err(|error| error.to_string())?;
                answered.map_err(|error| error.to_string())?
            }
            None => 0,
        };
        // then the deliveries: what was accepted meanwhile is counted
        let accepted = self.group.lag().await.map_err(|error| error.to_string())?;
        Ok(Lag {
            events: accepted.events + waiting,
            ..accepted
        })
    }

    fn client(&self) -> Option<Arc<Client>> {
        self.client.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Gives the connection up when it is dropped, and with it the membership.
struct Leave<'a>(&'a Mutex<Option<Arc<Client>>>);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        drop(self.0.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

/// Records that are accepted together.
#[derive(Default)]
struct Batch {
    events: Vec<Outgoing>,
    bytes: usize,
    /// The last offset of each partition.
    offsets: BTreeMap<(String, i32), i64>,
}

impl Batch {
    fn push(&mut self, record: &BorrowedMessage<'_>) {
        let event = record::event(record);
        self.bytes += event.bytes.len();
        self.events.push(event);
        let place = (record.topic().to_owned(), record.partition());
        self.offsets.insert(place, record.offset());
    }

    fn is_full(&self) -> bool {
        self.events.len() >= RECORDS || self.bytes >= BYTES
    }

    /// Commits the offsets of partitions that still belong to this member.
    fn commit(&self, client: &Client) -> KafkaResult<()> {
        let mut offsets = TopicPartitionList::new();
        for ((topic, partition), offset) in &self.offsets {
            offsets.add_partition_offset(topic, *partition, Offset::Offset(offset + 1))?;
        }
        // a partition may belong to another member by now, which accepts the same events without a further effect
        client.store_offsets(&offsets)?;
        client.commit_consumer_state(CommitMode::Async)
    }
}

/// Waits for records, and takes those that are there.
async fn next(client: &Client) -> KafkaResult<Batch> {
    let (mut batch, mut stream) = (Batch::default(), client.stream());
    loop {
        let received = if batch.events.is_empty() {
            stream.next().await
        } else {
            stream.next().now_or_never().flatten()
        };
        match received {
            Some(Ok(record)) => batch.push(&record),
            Some(Err(error @ KafkaError::MessageConsumptionFatal(_))) => return Err(error),
            // the context has counted it, and the library tries again
            Some(Err(_)) => continue,
            None => break,
        }
        if batch.is_full() {
            break;
        }
    }
    // two members that accept the same events write them in the same order, and those of an aggregate in theirs
    batch.events.sort_by_key(|event| event.key);
    Ok(batch)
}
