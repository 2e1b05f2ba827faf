//! Events of a service that wait to be published, and the relay that does it.

use super::{Bus, inbox};
use crate::db::{DbError, Sql, Tx};
use crate::{Clock, Db, args, metric, record};
use contracts::{Event, EventId, NewEvent, Timestamp};
use futures::{FutureExt as _, StreamExt as _};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// Looks for events that another process pushed, or whose wake-up was lost.
const POLL: Duration = Duration::from_millis(500);
/// Aggregates claimed together.
const BATCH: usize = 16;
/// Events of one aggregate published in one claim.
const EVENTS: i64 = 64;
/// Who claimed and vanished holds an aggregate's events back for this long.
const LEASE: Duration = Duration::from_secs(3);
/// Publishing that takes longer counts as failed, well within the lease.
const PUBLISHING: Duration = Duration::from_secs(2);
/// What is being published when the process stops gets this long.
const DRAIN: Duration = Duration::from_secs(10);
const FIRST_RETRY: Duration = Duration::from_millis(250);
const LAST_RETRY: Duration = Duration::from_secs(60);
/// How often waiting events are counted.
const COUNTING: Duration = Duration::from_secs(5);
/// How often old marks of the inbox are looked for.
const FORGETTING: Duration = Duration::from_secs(3600);

/// Writes an event into the outbox; it is published once the transaction has committed.
///
/// Events of one aggregate are numbered 1, 2, 3, … in the order of their commits.
pub async fn push(tx: &mut Tx, event: &NewEvent, now: Timestamp) -> Result<Event, DbError> {
    let number = "INSERT INTO outbox_aggregates (subject, sequence, due) VALUES ($1, 1, $2) \
        ON CONFLICT (subject) DO UPDATE SET sequence = outbox_aggregates.sequence + 1, \
        due = CASE WHEN outbox_aggregates.sequence = outbox_aggregates.published \
        THEN excluded.due ELSE outbox_aggregates.due END RETURNING sequence";
    let (sequence,) = tx
        .one::<(i64,)>(number, args![event.subject, now])
        .await?
        .ok_or(DbError::Other(sqlx::Error::RowNotFound))?;
    let event = event.clone().published(EventId::generate(), now, sequence);
    let json = serde_json::to_string(&event).map_err(|error| DbError::Other(sqlx::Error::Encode(Box::new(error))))?;
    let keep = "INSERT INTO outbox (subject, sequence, event) VALUES ($1, $2, $3)";
    tx.run(keep, args![event.subject, sequence, json]).await?;
    tx.mark_pushed();
    Ok(event)
}

/// How many events wait to be published.
pub async fn waiting(db: &Db) -> Result<i64, DbError> {
    let count = db.read().one::<(i64,)>("SELECT COUNT(*) FROM outbox", args![]).await?;
    Ok(count.map_or(0, |(count,)| count))
}

record! {
    struct Claim {
        subject: Uuid,
        published: i64,
        attempt: i64,
        fence: i64,
    }
}

/// Publishes what stands in one service's outbox.
///
/// It claims aggregates, not rows above a last number: a transaction that commits late is never
/// jumped over, and the events of one aggregate stay in order while others go on.
pub struct Relay {
    db: Db,
    bus: Arc<dyn Bus>,
    clock: Clock,
}

impl std::fmt::Debug for Relay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Relay")
    }
}

impl Relay {
    /// A relay from a service's outbox to the bus; any number of processes may run one.
    #[must_use]
    pub fn new(db: Db, bus: Arc<dyn Bus>, clock: Clock) -> Self {
        Self { db, bus, clock }
    }

    /// Publishes until told to stop; woken at once by a commit that pushed.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) {
        let stop = shutdown.shared();
        let mut drained = pin!(async {
            stop.clone().await;
            tokio::time::sleep(DRAIN).await;
        });
        let mut pushed = self.db.signals().outbox();
        let mut upkeep = pin!(self.upkeep());
        while stop.clone().now_or_never().is_none() {
            pushed.mark_unchanged();
            let published = tokio::select! {
                published = self.publish_due() => published,
                () = &mut drained => return,
            };
            match published {
                Ok(0) => {}
                Ok(_) => continue,
                Err(error) => tracing::warn!(%error, "the outbox could not be read or written"),
            }
            tokio::select! {
                () = stop.clone() => return,
                () = &mut upkeep => {}
                _ = pushed.changed() => {}
                () = tokio::time::sleep(POLL) => {}
            }
        }
    }

    /// Publishes what is due now and tells how many aggregates that were.
    pub async fn publish_due(&self) -> Result<usize, DbError> {
        let due = "SELECT 1 FROM outbox_aggregates WHERE sequence > published AND due <= $1 LIMIT 1";
        if self
            .db
            .read()
            .one::<(i64,)>(due, args![self.clock.now()])
            .await?
            .is_none()
        {
            return Ok(0);
        }
        let claims = self.claim().await?;
        let count = claims.len();
        let mut work = futures::stream::iter(claims)
            .map(|claim| self.publish(claim))
            .buffer_unordered(BATCH);
        let mut result = Ok(count);
        while let Some(published) = work.next().await {
            if let Err(error) = published {
                result = Err(error);
            }
        }
        result
    }

    async fn claim(&self) -> Result<Vec<Claim>, DbError> {
        let now = self.clock.now();
        let sql = Sql::both(
            "UPDATE outbox_aggregates SET due = $2, fence = fence + 1 WHERE subject IN ( \
             SELECT subject FROM outbox_aggregates WHERE sequence > published AND due <= $1 \
             ORDER BY due LIMIT $3) RETURNING subject, published, attempt, fence",
            "UPDATE outbox_aggregates SET due = $2, fence = fence + 1 WHERE subject IN ( \
             SELECT subject FROM outbox_aggregates WHERE sequence > published AND due <= $1 \
             ORDER BY due LIMIT $3 FOR UPDATE SKIP LOCKED) RETURNING subject, published, attempt, fence",
        );
        let mut tx = self.db.write().await?;
        let batch = i64::try_from(BATCH).unwrap_or(1);
        let claims = tx.all(sql, args![now, now + LEASE, batch]).await?;
        tx.commit().await?;
        Ok(claims)
    }

    async fn publish(&self, claim: Claim) -> Result<(), DbError> {
        let rows = "SELECT event FROM outbox WHERE subject = $1 AND sequence > $2 ORDER BY sequence LIMIT $3";
        let rows: Vec<(String,)> = self
            .db
            .read()
            .all(rows, args![claim.subject, claim.published, EVENTS])
            .await?;
        let (mut last, mut failed) = (claim.published, false);
        for (json,) in &rows {
            match self.publish_one(json).await {
                Ok(sequence) => last = sequence,
                Err(error) => {
                    tracing::warn!(subject = %claim.subject, attempt = claim.attempt + 1, error, "event not published");
                    failed = true;
                    break;
                }
            }
        }
        self.settle(&claim, last, failed).await
    }

    async fn publish_one(&self, json: &str) -> Result<i64, String> {
        let event: Event = serde_json::from_str(json).map_err(|error| error.to_string())?;
        let topic = event.data.topic();
        let sent = tokio::time::timeout(PUBLISHING, self.bus.publish(topic, std::slice::from_ref(&event))).await;
        let result = match sent {
            Ok(result) => result.map_err(|error| error.to_string()),
            Err(_) => Err("took too long".to_owned()),
        };
        let label = if result.is_ok() { "published" } else { "failed" };
        metrics::counter!(metric::EVENTS, "topic" => topic, "result" => label).increment(1);
        result.map(|()| event.sequence)
    }

    /// Frees an aggregate: at once, or after a pause that grows with each failure.
    async fn settle(&self, claim: &Claim, last: i64, failed: bool) -> Result<(), DbError> {
        let now = self.clock.now();
        let progress = last > claim.published;
        let attempt = match (failed, progress) {
            (false, _) => 0,
            (true, true) => 1,
            (true, false) => claim.attempt + 1,
        };
        let due = if failed { now + pause(attempt) } else { now };
        let mut tx = self.db.write().await?;
        let free = "UPDATE outbox_aggregates SET published = $3, due = $4, attempt = $5 \
            WHERE subject = $1 AND fence = $2";
        let held = tx
            .run(free, args![claim.subject, claim.fence, last, due, attempt])
            .await?;
        if held == 1 && progress {
            let done = "DELETE FROM outbox WHERE subject = $1 AND sequence <= $2";
            tx.run(done, args![claim.subject, last]).await?;
        }
        tx.commit().await
    }

    async fn upkeep(&self) {
        let rounds = FORGETTING.as_secs() / COUNTING.as_secs();
        for round in (0..rounds).cycle() {
            if let Ok(count) = waiting(&self.db).await {
                let count = i32::try_from(count).unwrap_or(i32::MAX);
                metrics::gauge!(metric::OUTBOX_WAITING, "service" => self.db.service()).set(f64::from(count));
            }
            if round == 0
                && let Err(error) = inbox::forget_before(&self.db, self.clock.now() - inbox::KEPT).await
            {
                tracing::warn!(%error, "old marks of the inbox were not removed");
            }
            tokio::time::sleep(COUNTING).await;
        }
    }
}

fn pause(attempt: i64) -> Duration {
    let doublings = u32::try_from(attempt - 1).unwrap_or(0).min(16);
    FIRST_RETRY.saturating_mul(1 << doublings).min(LAST_RETRY)
}
