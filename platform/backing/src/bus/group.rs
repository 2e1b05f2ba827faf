//! A member of a group: accepts events durably, and handles accepted ones, some of different aggregates in one transaction.
//!
//! The transaction is the claim: on PostgreSQL it locks the events' rows, on SQLite it is the only writer. A member that
//! dies or loses its connection releases its events at once, and a slow one keeps them until it commits. The later events of
//! an aggregate wait for its first one, so that two members can't change their order.

use super::deliveries::{self, Delivery, Head, TOGETHER};
use super::handler::{After, Handler, Refused};
use super::port::{Lag, Outgoing, Subscription};
use super::{dead_letters, inbox};
use crate::db::{DbError, Tx};
use crate::{Clock, Db, metric};
use contracts::Event;
use contracts::events::Received;
use futures::{FutureExt as _, StreamExt as _};
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// The interval between looks for events that another process accepted, or whose pause is over.
const POLL: Duration = Duration::from_millis(500);
/// The number of parallel transactions; SQLite has one writer.
const LANES: usize = 4;
/// The time limit of a handler; a slower one is retried later.
const HANDLING: Duration = Duration::from_secs(20);
/// A transaction that has taken this long ends with the events that it has handled.
const LONG: Duration = Duration::from_millis(500);
/// How long current events may take when the process stops.
const DRAIN: Duration = Duration::from_secs(4);
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LAST_PAUSE: Duration = Duration::from_secs(60);
/// After this many attempts, in about eight minutes, an event becomes a dead letter.
pub(super) const TRIES: i64 = 16;

/// This process's member of a group, which every bus has in common.
pub struct Group {
    name: &'static str,
    topics: &'static [&'static str],
    db: Db,
    clock: Clock,
    handler: Arc<dyn Handler>,
    under_way: AtomicUsize,
}

impl std::fmt::Debug for Group {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Group").field(&self.name).finish()
    }
}

impl Group {
    /// The number of accepted events from which on a bus that keeps events by itself should keep them.
    pub const FULL: i64 = 10_000;

    /// A member that neither accepts nor handles anything yet.
    #[must_use]
    pub fn new(subscription: Subscription) -> Self {
        Self {
            name: subscription.group,
            topics: subscription.topics,
            db: subscription.db,
            clock: subscription.clock,
            handler: subscription.handler,
            under_way: AtomicUsize::new(0),
        }
    }

    /// The group's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The topics whose events it receives.
    #[must_use]
    pub fn topics(&self) -> &'static [&'static str] {
        self.topics
    }

    pub(super) fn hears(&self, topic: &str) -> bool {
        self.topics.contains(&topic)
    }

    /// Accepts a batch durably, in its order per aggregate. Events that wait or were handled have no further effect.
    pub async fn accept(&self, batch: &[Outgoing]) -> Result<(), DbError> {
        let mut tx = self.db.write().await?;
        deliveries::accept(&mut tx, self.name, batch, self.clock.now()).await?;
        tx.commit().await
    }

    /// Whether so many accepted events wait that no more should be accepted.
    pub async fn is_full(&self) -> Result<bool, DbError> {
        deliveries::are_at_least(&self.db, self.name, Self::FULL).await
    }

    /// Counts the accepted events that are not completely handled, including their effects in memory.
    pub async fn lag(&self) -> Result<Lag, DbError> {
        let waiting = deliveries::waiting(&self.db, self.name).await?;
        let under_way = i64::try_from(self.under_way.load(Ordering::SeqCst)).unwrap_or(i64::MAX);
        Ok(Lag {
            group: self.name,
            events: waiting.max(under_way),
        })
    }

    /// Handles accepted events until `stop` resolves.
    pub async fn run(&self, stop: impl Future<Output = ()> + Send) {
        let stop = stop.shared();
        let mut drained = pin!(async {
            stop.clone().await;
            tokio::time::sleep(DRAIN).await;
        });
        let mut accepted = self.db.signals().deliveries();
        while stop.clone().now_or_never().is_none() {
            accepted.mark_unchanged();
            let handled = tokio::select! {
                handled = self.handle_due(stop.clone()) => handled,
                () = &mut drained => return,
            };
            match handled {
                Ok(false) => {}
                Ok(true) => continue,
                Err(error) => tracing::warn!(group = self.name, %error, "deliveries could not be read or written"),
            }
            tokio::select! {
                () = stop.clone() => return,
                _ = accepted.changed() => {}
                () = tokio::time::sleep(POLL) => {}
            }
        }
    }

    /// Handles the first events of some aggregates; true if there may be more.
    async fn handle_due(&self, stop: impl Future<Output = ()> + Send) -> Result<bool, DbError> {
        // other processes would wait too long for SQLite's only writer
        let (lanes, size) = match (self.db.is_postgres(), self.handler.is_alone()) {
            (true, false) => (LANES, TOGETHER),
            (true, true) => (LANES, 1),
            (false, _) => (1, 1),
        };
        let heads = deliveries::due(&self.db, self.name, self.clock.now()).await?;
        let mut work = pin!(
            futures::stream::iter(together(&heads, size))
                .take_until(stop)
                .map(|ids| self.handle(ids))
                .buffer_unordered(lanes)
        );
        let mut result = Ok(false);
        while let Some(handled) = work.next().await {
            result = match (result, handled) {
                (Ok(before), Ok(now)) => Ok(before || now),
                (Err(error), _) | (_, Err(error)) => Err(error),
            };
        }
        result
    }

    /// Handles events of different aggregates in one transaction, only one on SQLite; false if other members have them. If one of them is
    /// refused, the others come again without it.
    async fn handle(&self, ids: Vec<i64>) -> Result<bool, DbError> {
        let _under_way = UnderWay::begin(&self.under_way, ids.len());
        let mut tx = self.db.write().await?;
        let taken = deliveries::take(&mut tx, &ids, self.clock.now()).await?;
        if taken.is_empty() {
            tx.rollback().await?;
            return Ok(false);
        }
        let (begun, mut handled, mut following) = (Instant::now(), Vec::new(), After::nothing());
        for delivery in &taken {
            match self.effect(&mut tx, delivery).await {
                Ok(after) => following = following.and(after),
                Err(refused) => {
                    tx.rollback().await?;
                    self.refuse(delivery, refused).await?;
                    return Ok(true);
                }
            }
            handled.push(delivery.id);
            if begun.elapsed() > LONG {
                break;
            }
        }
        deliveries::end(&mut tx, &handled).await?;
        tx.commit().await?;
        self.count("handled", handled.len());
        following.run();
        Ok(true)
    }

    async fn effect(&self, tx: &mut Tx, delivery: &Delivery) -> Result<After, Refused> {
        if !inbox::first_time(tx, self.name, delivery.event_id, self.clock.now()).await? {
            return Ok(After::nothing());
        }
        let event = match Event::read(&delivery.event) {
            Ok(Received::Known(event)) => event,
            Ok(Received::Unknown(kind)) => {
                tracing::debug!(group = self.name, kind, "skipped an event of an unknown kind");
                return Ok(After::nothing());
            }
            Err(error) => return Err(Refused::Never("unreadable", error.to_string())),
        };
        let applying = AssertUnwindSafe(self.handler.apply(tx, &event)).catch_unwind();
        match tokio::time::timeout(HANDLING, applying).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(Refused::Later("the handler panicked".to_owned())),
            Err(_) => Err(Refused::Later("the handler took too long".to_owned())),
        }
    }

    async fn refuse(&self, delivery: &Delivery, refused: Refused) -> Result<(), DbError> {
        let (event, tries, now) = (delivery.event_id, delivery.attempt + 1, self.clock.now());
        let mut tx = self.db.write().await?;
        let (code, reason) = match refused {
            Refused::Later(reason) if tries < TRIES => {
                tracing::warn!(group = self.name, %event, tries, reason, "an event is retried later");
                deliveries::postpone(&mut tx, delivery, now + pause(tries)).await?;
                tx.commit().await?;
                self.count("again", 1);
                return Ok(());
            }
            Refused::Later(reason) => ("tried_too_often", reason),
            Refused::Never(code, reason) => (code, reason),
        };
        tracing::error!(group = self.name, %event, tries, code, reason, "an event became a dead letter; see `moocflix events dead list`");
        dead_letters::add(&mut tx, self.name, delivery, (code, &reason), now).await?;
        tx.commit().await?;
        self.count("dead", 1);
        Ok(())
    }

    fn count(&self, result: &'static str, events: usize) {
        let events = u64::try_from(events).unwrap_or(u64::MAX);
        metrics::counter!(metric::EVENTS_HANDLED, "group" => self.name, "result" => result).increment(events);
    }
}

fn pause(tries: i64) -> Duration {
    let doublings = u32::try_from(tries - 1).unwrap_or(0).min(16);
    FIRST_PAUSE.saturating_mul(1 << doublings).min(LAST_PAUSE)
}

/// The ids of events that are handled in one transaction each: several, but an event that was refused before comes alone, so
/// that it holds up no other again.
fn together(heads: &[Head], size: usize) -> Vec<Vec<i64>> {
    let (new, refused): (Vec<&Head>, Vec<&Head>) = heads.iter().partition(|head| head.attempt == 0);
    let ids = |heads: &[&Head]| heads.iter().map(|head| head.id).collect();
    new.chunks(size).chain(refused.chunks(1)).map(ids).collect()
}

/// Counts events as in progress until it is dropped.
struct UnderWay<'a>(&'a AtomicUsize, usize);

impl<'a> UnderWay<'a> {
    fn begin(count: &'a AtomicUsize, events: usize) -> Self {
        count.fetch_add(events, Ordering::SeqCst);
        Self(count, events)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(self.1, Ordering::SeqCst);
    }
}
