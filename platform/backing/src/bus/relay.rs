//! Publishes what stands in a service's outbox.

use super::port::{Bus, BusError, Outgoing};
use super::{dead_letters, inbox, outbox};
use crate::db::{DbError, Sql, Tx};
use crate::{Clock, Db, args, metric, once, record};
use contracts::Timestamp;
use contracts::events::Envelope;
use futures::{FutureExt as _, StreamExt as _};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// Looks for events that another process pushed, or whose wake-up was lost.
const POLL: Duration = Duration::from_millis(500);
/// Aggregates claimed together.
const AGGREGATES: i64 = 64;
/// Events of one aggregate published in one claim.
const EVENTS: i64 = 64;
/// Reads and batches side by side.
const SIDE_BY_SIDE: usize = 8;
/// The events of a relay that vanished are held back for this long.
const LEASE: Duration = Duration::from_secs(3);
/// A claim is renewed this often while its events are being published.
const RENEWAL: Duration = Duration::from_secs(1);
/// Publishing that takes longer counts as failed.
const PUBLISHING: Duration = Duration::from_secs(10);
/// A batch that is being published when the process stops gets this long.
const DRAIN: Duration = Duration::from_secs(10);
/// After finding the bus away, everything is tried again.
const AWAY: Duration = Duration::from_secs(1);
const FIRST_RETRY: Duration = Duration::from_millis(250);
const LAST_RETRY: Duration = Duration::from_secs(60);
/// How often waiting events are counted.
const COUNTING: Duration = Duration::from_secs(5);
/// How often old marks, requests and dead letters are looked for.
const FORGETTING: Duration = Duration::from_secs(3600);

record! {
    #[derive(Clone, Copy)]
    struct Claim {
        subject: Uuid,
        published: i64,
        attempt: i64,
        fence: i64,
    }
}

/// The events of one claimed aggregate.
struct Parcel {
    claim: Claim,
    topic: String,
    events: Vec<Outgoing>,
    last: i64,
}

/// Publishes what stands in one service's outbox, as the bytes that stand there.
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

    /// Publishes until `shutdown` resolves; a commit that pushed events wakes it at once.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) {
        let stop = shutdown.shared();
        let mut drained = pin!(async {
            stop.clone().await;
            tokio::time::sleep(DRAIN).await;
        });
        let mut pushed = self.db.signals().outbox();
        let publishing = async {
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
                    _ = pushed.changed() => {}
                    () = tokio::time::sleep(POLL) => {}
                }
            }
        };
        // Both are polled all the time: one that rested in a transaction would keep the other from writing.
        tokio::select! {
            () = publishing => {}
            () = self.upkeep() => {}
        }
    }

    /// Publishes what is due now and returns the number of aggregates that it took.
    pub async fn publish_due(&self) -> Result<usize, DbError> {
        let due = "SELECT 1 FROM outbox_aggregates WHERE sequence > published AND due <= $1 LIMIT 1";
        let now = self.clock.now();
        if self.db.read().one::<(i64,)>(due, args![now]).await?.is_none() {
            return Ok(0);
        }
        let claims = self.claim().await?;
        let count = claims.len();
        let mut parcels = futures::stream::iter(claims)
            .map(|claim| async move { (claim, self.load(claim).await) })
            .buffered(SIDE_BY_SIDE);
        let mut refused = Vec::new();
        // an aggregate that failed before is published alone, so that it holds up no other again
        let mut batches: BTreeMap<(String, Option<Uuid>), Vec<Parcel>> = BTreeMap::new();
        while let Some((claim, parcel)) = parcels.next().await {
            let parcel = match parcel {
                Ok(parcel) => parcel,
                Err(error) => {
                    tracing::warn!(subject = %claim.subject, %error, "events not published");
                    refused.push(claim);
                    continue;
                }
            };
            let alone = (claim.attempt > 0).then_some(claim.subject);
            batches.entry((parcel.topic.clone(), alone)).or_default().push(parcel);
        }
        drop(parcels);
        let mut work = futures::stream::iter(batches)
            .map(|((topic, _), parcels)| async move { self.publish(&topic, &parcels).await })
            .buffer_unordered(SIDE_BY_SIDE);
        let mut result = self.refuse(&refused).await.map(|()| count);
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
        let mut claims: Vec<Claim> = tx.all(sql, args![now, now + LEASE, AGGREGATES]).await?;
        tx.commit().await?;
        // two relays never write the same rows in different orders
        claims.sort_unstable_by_key(|claim| claim.subject);
        Ok(claims)
    }

    /// Reads an aggregate's events; of their JSON only what says where they go.
    async fn load(&self, claim: Claim) -> Result<Parcel, DbError> {
        let rows = "SELECT sequence, event FROM outbox WHERE subject = $1 AND sequence > $2 ORDER BY sequence LIMIT $3";
        let rows: Vec<(i64, String)> = self
            .db
            .read()
            .all(rows, args![claim.subject, claim.published, EVENTS])
            .await?;
        let (mut topic, mut last) = (String::new(), claim.published);
        let mut events = Vec::with_capacity(rows.len());
        for (sequence, json) in rows {
            let envelope = Envelope::read(json.as_bytes())
                .map_err(|error| DbError::Other(sqlx::Error::Decode(Box::new(error))))?;
            topic = envelope.topic();
            events.push(Outgoing {
                key: claim.subject,
                id: envelope.id,
                bytes: json.into(),
            });
            last = sequence;
        }
        Ok(Parcel {
            claim,
            topic,
            events,
            last,
        })
    }

    /// Publishes a batch and keeps its claims meanwhile.
    async fn publish(&self, topic: &str, parcels: &[Parcel]) -> Result<(), DbError> {
        let batch: Vec<Outgoing> = parcels.iter().flat_map(|parcel| parcel.events.clone()).collect();
        // Both are polled all the time: the embedded bus writes to databases, and each might wait for what the other holds.
        let sent = tokio::select! {
            sent = tokio::time::timeout(PUBLISHING, self.bus.publish(topic, &batch)) => sent,
            error = self.keep(parcels) => return Err(error),
        };
        let sent = sent.unwrap_or_else(|_| Err(BusError::Refused("took too long".to_owned())));
        let label = if sent.is_ok() { "published" } else { "failed" };
        metrics::counter!(metric::EVENTS, "topic" => topic.to_owned(), "result" => label)
            .increment(u64::try_from(batch.len()).unwrap_or(0));
        let claims: Vec<Claim> = parcels.iter().map(|parcel| parcel.claim).collect();
        match sent {
            Ok(()) => self.settle(parcels).await,
            // the adapter reports a broker that is away, and less often
            Err(BusError::Away(error)) => {
                tracing::debug!(topic, events = batch.len(), error, "events not published");
                self.put_back(&claims).await
            }
            Err(BusError::Refused(error)) => {
                tracing::warn!(topic, events = batch.len(), error, "events not published");
                self.refuse(&claims).await
            }
        }
    }

    /// Renews claims until that fails.
    async fn keep(&self, parcels: &[Parcel]) -> DbError {
        loop {
            tokio::time::sleep(RENEWAL).await;
            if let Err(error) = self.renew(parcels).await {
                return error;
            }
        }
    }

    async fn renew(&self, parcels: &[Parcel]) -> Result<(), DbError> {
        let until = self.clock.now() + LEASE;
        let mut tx = self.db.write().await?;
        for Parcel { claim, .. } in parcels {
            let sql = "UPDATE outbox_aggregates SET due = $3 WHERE subject = $1 AND fence = $2";
            tx.run(sql, args![claim.subject, claim.fence, until]).await?;
        }
        tx.commit().await
    }

    /// Deletes published events and releases their aggregates at once.
    async fn settle(&self, parcels: &[Parcel]) -> Result<(), DbError> {
        let now = self.clock.now();
        let mut tx = self.db.write().await?;
        for Parcel { claim, last, .. } in parcels {
            if release(&mut tx, claim, *last, now, 0).await? {
                let done = "DELETE FROM outbox WHERE subject = $1 AND sequence <= $2";
                tx.run(done, args![claim.subject, *last]).await?;
            }
        }
        tx.commit().await
    }

    /// Releases aggregates that were not published, after a pause that grows with each failure.
    async fn refuse(&self, claims: &[Claim]) -> Result<(), DbError> {
        if claims.is_empty() {
            return Ok(());
        }
        let now = self.clock.now();
        let mut tx = self.db.write().await?;
        for claim in claims {
            let attempt = claim.attempt + 1;
            release(&mut tx, claim, claim.published, now + pause(attempt), attempt).await?;
        }
        tx.commit().await
    }

    /// Releases aggregates that nobody has refused: they stay in one batch, and none of them waits long for the bus's return.
    async fn put_back(&self, claims: &[Claim]) -> Result<(), DbError> {
        let due = self.clock.now() + AWAY;
        let mut tx = self.db.write().await?;
        for claim in claims {
            release(&mut tx, claim, claim.published, due, claim.attempt).await?;
        }
        tx.commit().await
    }

    async fn upkeep(&self) {
        let rounds = FORGETTING.as_secs() / COUNTING.as_secs();
        for round in (0..rounds).cycle() {
            if let Ok(count) = outbox::waiting(&self.db).await {
                let count = i32::try_from(count).unwrap_or(i32::MAX);
                metrics::gauge!(metric::OUTBOX_WAITING, "service" => self.db.service()).set(f64::from(count));
            }
            if round == 0
                && let Err(error) = self.forget().await
            {
                tracing::warn!(%error, "old marks, requests and dead letters were not removed");
            }
            tokio::time::sleep(COUNTING).await;
        }
    }

    async fn forget(&self) -> Result<(), DbError> {
        let now = self.clock.now();
        inbox::forget(&self.db, now).await?;
        once::forget(&self.db, now).await?;
        dead_letters::forget(&self.db, now).await
    }
}

/// Releases an aggregate; false if another relay has claimed it meanwhile.
async fn release(tx: &mut Tx, claim: &Claim, published: i64, due: Timestamp, attempt: i64) -> Result<bool, DbError> {
    let sql = "UPDATE outbox_aggregates SET published = $3, due = $4, attempt = $5 WHERE subject = $1 AND fence = $2";
    let values = args![claim.subject, claim.fence, published, due, attempt];
    Ok(tx.run(sql, values).await? == 1)
}

fn pause(attempt: i64) -> Duration {
    let doublings = u32::try_from(attempt - 1).unwrap_or(0).min(16);
    FIRST_RETRY.saturating_mul(1 << doublings).min(LAST_RETRY)
}
