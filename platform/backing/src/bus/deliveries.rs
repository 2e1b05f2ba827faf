//! Accepted events of a group: rows in the schema of its effects.

use super::port::Outgoing;
use crate::db::{DbError, Sql, Tx, Value};
use crate::{Db, args, record};
use contracts::{EventId, Timestamp};
use uuid::Uuid;

/// The number of first events that are looked up at once, on PostgreSQL and on SQLite.
const HEADS: i64 = 64;
const FEW_HEADS: i64 = 16;
/// The number of events that are handled in one transaction at most.
pub(super) const TOGETHER: usize = 16;

record! {
    /// The first event of an aggregate.
    pub(super) struct Head {
        /// Its position in the order of acceptance.
        pub(super) id: i64,
        /// How often the handler refused it.
        pub(super) attempt: i64,
    }
}

record! {
    /// A delivery that a member has taken.
    pub(super) struct Delivery {
        /// Its position in the order of acceptance.
        pub(super) id: i64,
        /// The aggregate.
        pub(super) subject: Uuid,
        /// The event's id.
        pub(super) event_id: EventId,
        /// The event's JSON.
        pub(super) event: Vec<u8>,
        /// How often the handler refused it.
        pub(super) attempt: i64,
    }
}

/// Accepts events for a group; skips events that already wait.
pub(super) async fn accept(tx: &mut Tx, group: &str, batch: &[Outgoing], now: Timestamp) -> Result<(), DbError> {
    let sql = "INSERT INTO deliveries (consumer, subject, event_id, event, due) VALUES ($1, $2, $3, $4, $5) \
               ON CONFLICT DO NOTHING";
    let row = |event: &Outgoing| args![group, event.key, event.id, &event.bytes[..], now];
    let mut rows: Vec<Vec<Value>> = batch.iter().map(row).collect();
    match rows.pop() {
        // the database remembers how this one runs
        Some(row) if rows.is_empty() => {
            tx.run(sql, row).await?;
        }
        last => {
            rows.extend(last);
            tx.run_all(sql, rows).await?;
        }
    }
    tx.mark_accepted();
    Ok(())
}

/// The first events of aggregates, if they are due, oldest first.
pub(super) async fn due(db: &Db, group: &str, now: Timestamp) -> Result<Vec<Head>, DbError> {
    let sql = "SELECT id, attempt FROM deliveries d WHERE consumer = $1 AND due <= $2 AND NOT EXISTS ( \
               SELECT 1 FROM deliveries e WHERE e.consumer = d.consumer AND e.subject = d.subject AND e.id < d.id) \
               ORDER BY id LIMIT $3";
    let most = if db.is_postgres() { HEADS } else { FEW_HEADS };
    db.read().all(sql, args![group, now, most]).await
}

/// Takes events for the length of the transaction, in their order; without those that another member has taken or handled.
pub(super) async fn take(tx: &mut Tx, ids: &[i64], now: Timestamp) -> Result<Vec<Delivery>, DbError> {
    let sql = Sql::both(
        "SELECT id, subject, event_id, event, attempt FROM deliveries \
         WHERE id IN ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) AND due <= $17 ORDER BY id",
        "SELECT id, subject, event_id, event, attempt FROM deliveries \
         WHERE id IN ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) AND due <= $17 ORDER BY id \
         FOR UPDATE SKIP LOCKED",
    );
    let mut values = places(ids);
    values.extend(args![now]);
    tx.all(sql, values).await
}

/// Ends deliveries; returns how many had not ended before.
pub(super) async fn end(tx: &mut Tx, ids: &[i64]) -> Result<u64, DbError> {
    let sql = "DELETE FROM deliveries \
               WHERE id IN ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)";
    tx.run(sql, places(ids)).await
}

/// At most `TOGETHER` ids; the places that are left name no delivery.
fn places(ids: &[i64]) -> Vec<Value> {
    const NONE: i64 = -1;
    let all = ids.iter().copied().chain(std::iter::repeat(NONE));
    all.take(TOGETHER).map(Value::from).collect()
}

/// Postpones a refused event.
pub(super) async fn postpone(tx: &mut Tx, delivery: &Delivery, due: Timestamp) -> Result<(), DbError> {
    let sql = "UPDATE deliveries SET attempt = attempt + 1, due = $3 WHERE id = $1 AND attempt = $2";
    tx.run(sql, args![delivery.id, delivery.attempt, due]).await?;
    Ok(())
}

/// Whether a group has accepted at least so many events that it has not handled.
pub(super) async fn are_at_least(db: &Db, group: &str, count: i64) -> Result<bool, DbError> {
    let sql = "SELECT id FROM deliveries WHERE consumer = $1 LIMIT 1 OFFSET $2";
    let last = db.read().one::<(i64,)>(sql, args![group, count - 1]).await?;
    Ok(last.is_some())
}

/// The number of events that a group has accepted but not handled.
pub(super) async fn waiting(db: &Db, group: &str) -> Result<i64, DbError> {
    let sql = "SELECT COUNT(*) FROM deliveries WHERE consumer = $1";
    let count = db.read().one::<(i64,)>(sql, args![group]).await?;
    Ok(count.map_or(0, |(count,)| count))
}
