//! A consumer's client, which is closed beside the runtime's threads: it waits there for the broker.

use super::watch::Context;
use futures::FutureExt as _;
use rdkafka::ClientConfig;
use rdkafka::consumer::{Consumer as _, StreamConsumer};
use rdkafka::error::KafkaResult;
use rdkafka::groups::GroupInfo;
use std::mem::ManuallyDrop;
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
        // While offsets are on their way to a broker that is away, the library would never be done with closing a client. So a
        // client is closed only once they have arrived; until then, it ends with the process.
        let Some(consumer) = consumer.map(ManuallyDrop::new) else {
            return;
        };
        // The library sends no more offsets for a client that it has given up, and the member goes on with another one.
        let is_given_up = consumer.client().fatal_error().is_some();
        if !is_given_up && consumer.context().watch().is_away() {
            return;
        }
        tokio::task::spawn_blocking(move || {
            if is_given_up || place.is_none_or(|place| leave(&consumer, &place)) {
                drop(ManuallyDrop::into_inner(consumer));
            }
            drop(closed);
        });
    }
}

/// Leaves the group, and returns whether the broker says so. A member with a name of its own keeps its place when it is closed,
/// unless it has unsubscribed before.
fn leave(consumer: &StreamConsumer<Context>, place: &Place) -> bool {
    if consumer.subscription().is_ok_and(|topics| topics.count() == 0) {
        return true; // it has never joined
    }
    consumer.unsubscribe();
    let begun = Instant::now();
    while begun.elapsed() < LEAVING {
        // the library gives partitions back while it is asked for records
        while consumer.recv().now_or_never().is_some() {}
        if has_left(consumer, place) {
            return true;
        }
        std::thread::sleep(LOOK);
    }
    false
}

/// Whether the broker lists the group without the member; false if it does not answer, or does not know the group, as while it
/// stops. A member leaves after its offsets have arrived.
fn has_left(consumer: &StreamConsumer<Context>, place: &Place) -> bool {
    let listed = consumer.fetch_group_list(Some(&place.group), LISTING);
    let is_known = |group: &&GroupInfo| !["", "Dead"].contains(&group.state());
    // the broker derives a member's id from its name
    let is_member = |group: &GroupInfo| group.members().iter().any(|it| it.id().starts_with(&place.name));
    listed.is_ok_and(|list| {
        let mut known = list.groups().iter().filter(is_known);
        known.any(|group| !is_member(group))
    })
}
