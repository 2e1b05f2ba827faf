//! What every bus must do, whichever adapter it is.

use super::{Bus, BusError, Handler, HandlerError};
use async_trait::async_trait;
use contracts::events::{UserDeactivated, UserReactivated};
use contracts::{Event, EventId, NewEvent, Timestamp, UserId};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;

/// A correct bus needs far less; only a broken one waits for so long.
const PATIENCE: Duration = Duration::from_secs(60);
const TOPIC: &str = contracts::events::USERS_TOPIC;
const OTHER: &str = contracts::events::CONTENT_TOPIC;

/// Runs the whole suite on a bus that nobody else uses.
///
/// Errors: the bus's own; what a bus does wrong is a failed assertion
pub async fn suite(bus: &dyn Bus) -> Result<(), BusError> {
    let (first, second) = (Recorder::new(0), Recorder::new(0));
    bus.subscribe_group("conformance-first", &[TOPIC], first.clone());
    bus.subscribe_group("conformance-second", &[OTHER, TOPIC], second.clone());
    let mut everywhere = [bus.subscribe_broadcast(TOPIC), bus.subscribe_broadcast(TOPIC)];
    let mut elsewhere = bus.subscribe_broadcast(OTHER);
    let user = UserId::generate();
    let events: Vec<Event> = (1..=20).map(|sequence| event(user, sequence)).collect();

    let (earlier, later) = events.split_at(12);
    publish(bus, earlier).await?;
    publish(bus, later).await?;
    for group in [&first, &second] {
        group.wait_for(events.len()).await?;
        assert_eq!(group.seen(), events, "a group did not get each event once, in order");
    }
    for receiver in &mut everywhere {
        for event in &events {
            assert_eq!(
                received(receiver).await?,
                *event,
                "a broadcast lost an event or its order"
            );
        }
    }
    assert!(
        elsewhere.try_recv().is_err(),
        "a broadcast brought another topic's event"
    );

    a_group_that_fails_gets_the_event_again(bus, &first).await
}

async fn a_group_that_fails_gets_the_event_again(bus: &dyn Bus, good: &Arc<Recorder>) -> Result<(), BusError> {
    let failing = Recorder::new(2);
    bus.subscribe_group("conformance-failing", &[TOPIC], failing.clone());
    let one = event(UserId::generate(), 1);
    publish(bus, std::slice::from_ref(&one)).await?;
    failing.wait_for(1).await?;
    assert_eq!(failing.seen(), std::slice::from_ref(&one));
    good.wait_for(21).await?;
    assert!(
        good.seen().contains(&one),
        "a group that fails kept an event from another"
    );
    Ok(())
}

/// Publishes as the relay does: a refused event is published again.
async fn publish(bus: &dyn Bus, events: &[Event]) -> Result<(), BusError> {
    let until = tokio::time::Instant::now() + PATIENCE;
    while let Err(error) = bus.publish(TOPIC, events).await {
        if tokio::time::Instant::now() > until {
            return Err(error);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

async fn received(receiver: &mut tokio::sync::broadcast::Receiver<Event>) -> Result<Event, BusError> {
    match tokio::time::timeout(PATIENCE, receiver.recv()).await {
        Ok(Ok(event)) => Ok(event),
        Ok(Err(RecvError::Lagged(_) | RecvError::Closed)) => Err(BusError("a broadcast lost events".to_owned())),
        Err(_) => Err(BusError("a broadcast brought nothing".to_owned())),
    }
}

fn event(user: UserId, sequence: i64) -> Event {
    let data = if sequence % 2 == 0 {
        UserDeactivated { version: sequence }.into()
    } else {
        UserReactivated { version: sequence }.into()
    };
    NewEvent::of_user(user, data).published(EventId::generate(), Timestamp::from_seconds(sequence), sequence)
}

/// Keeps what it is given, each event once, after refusing a number of calls.
struct Recorder {
    seen: Mutex<Vec<Event>>,
    refusals: Mutex<u32>,
    count: watch::Sender<usize>,
}

impl Recorder {
    fn new(refusals: u32) -> Arc<Self> {
        Arc::new(Self {
            seen: Mutex::default(),
            refusals: Mutex::new(refusals),
            count: watch::Sender::new(0),
        })
    }

    fn seen(&self) -> Vec<Event> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn wait_for(&self, count: usize) -> Result<(), BusError> {
        let mut counts = self.count.subscribe();
        let reached = tokio::time::timeout(PATIENCE, counts.wait_for(|seen| *seen >= count));
        match reached.await {
            Ok(_) => Ok(()),
            Err(_) => Err(BusError(format!("a group got {} of {count} events", self.seen().len()))),
        }
    }
}

#[async_trait]
impl Handler for Recorder {
    async fn handle(&self, event: &Event) -> Result<(), HandlerError> {
        {
            let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
            if *refusals > 0 {
                *refusals -= 1;
                return Err(HandlerError("not yet".to_owned()));
            }
        }
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if !seen.contains(event) {
            seen.push(event.clone());
        }
        self.count.send_replace(seen.len());
        Ok(())
    }
}
