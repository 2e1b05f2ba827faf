//! A consumer's client, which is closed beside the runtime's threads: it waits there for the broker.

use super::watch::Context;
use futures::FutureExt as _;
use rdkafka::ClientConfig;
use rdkafka::consumer::{Consumer as _, StreamConsumer};
use rdkafka::error::KafkaResult;
use std::ops::Deref;
use std::time::{Duration, Instant};
use tokio::sync::watch::{Receiver, Sender};

/// How long a member may take to leave its group; others wait for the end of its session otherwise.
pub(super) const LEAVING: Duration = Duration::from_secs(3);
/// How long the broker may take to list the members of a group.
const LISTING: Duration = Duration::from_secs(1);
/// The interval between looks whether a member has left.
const LOOK: Duration = Duration::from_millis(10);

/// A client; the last owner of it leaves its group.
pub(super) struct Client {
    consumer: Option<StreamConsumer<Context>>,
    place: Option<Place>,
    closed: Option<Sender<()>>,
}

/// A member's place in its group, which has a name of its own.
struct Place {
    group: String,
    name: String,
}

impl Client {
    pub(super) fn new(config: &ClientConfig, context: Context) -> KafkaResult<Self> {
        let name = |of: &str| config.get(of).map(str::to_owned);
        let place = name("group.id").zip(name("group.instance.id"));
        Ok(Self {
            consumer: Some(config.create_with_context(context)?),
            place: place.map(|(group, name)| Place { group, name }),
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
        let (consumer, place, closed) = (self.consumer.take(), self.place.take(), self.closed.take());
        if consumer.as_ref().is_some_and(|it| it.context().watch().is_away()) {
            // The library might wait for ever for a broker that is away. Nobody can hear that this process leaves, which is
            // about to end, and the connections with it.
            std::mem::forget(consumer);
            return;
        }
        tokio::task::spawn_blocking(move || {
            if let Some((consumer, place)) = consumer.as_ref().zip(place) {
                leave(consumer, &place);
            }
            drop(consumer);
            drop(closed);
        });
    }
}

/// Leaves the group: a member with a name of its own keeps its place when it is closed, unless it has unsubscribed before.
fn leave(consumer: &StreamConsumer<Context>, place: &Place) {
    consumer.unsubscribe();
    let begun = Instant::now();
    while begun.elapsed() < LEAVING && is_member(consumer, place) {
        // the library gives partitions back while it is asked for records
        while consumer.recv().now_or_never().is_some() {}
        std::thread::sleep(LOOK);
    }
}

/// Whether the broker lists the member; false if it does not answer.
fn is_member(consumer: &StreamConsumer<Context>, place: &Place) -> bool {
    let listed = consumer.fetch_group_list(Some(&place.group), LISTING);
    // the broker derives a member's id from its name
    let is_this = |id: &str| id.starts_with(&place.name);
    listed.is_ok_and(|list| {
        let mut members = list.groups().iter().flat_map(rdkafka::groups::GroupInfo::members);
        members.any(|member| is_this(member.id()))
    })
}
