//! Accepted events of a group: rows in the schema of its effects.

use super::port::Outgoing;
use crate::db::{DbError, Sql, Tx};
use crate::{Db, args, record};
use contracts::{EventId, Timestamp};
use uuid::Uuid;

/// The number of first events that are looked up together.
const HEADS: i64 = 16;

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
    for event in batch {
        tx.run(sql, args![group, event.key, event.id, &event.bytes[..], now])
            .await?;
    }
    tx.mark_accepted();
    Ok(())
}

/// The first events of aggregates, if they are due, oldest first.
pub(super) async fn due(db: &Db, group: &str, now: Timestamp) -> Result<Vec<i64>, DbError> {
    let sql = "SELECT id FROM deliveries d WHERE consumer = $1 AND due <= $2 AND NOT EXISTS ( \
               SELECT 1 FROM deliveries e WHERE e.consumer = d.consumer AND e.subject = d.subject AND e.id < d.id) \
               ORDER BY id LIMIT $3";
    let heads: Vec<(i64,)> = db.read().all(sql, args![group, now, HEADS]).await?;
    Ok(heads.into_iter().map(|(id,)| id).collect())
}

/// Takes an event for the length of the transaction; `None` if another member has taken or handled it.
pub(super) async fn take(tx: &mut Tx, id: i64, now: Timestamp) -> Result<Option<Delivery>, DbError> {
    let sql = Sql::both(
        "SELECT id, subject, event_id, event, attempt FROM deliveries WHERE id = $1 AND due <= $2",
        "SELECT id, subject, event_id, event, attempt FROM deliveries WHERE id = $1 AND due <= $2 \
         FOR UPDATE SKIP LOCKED",
    );
    tx.one(sql, args![id, now]).await
}

/// Ends a delivery; false if it had already ended.
pub(super) async fn end(tx: &mut Tx, id: i64) -> Result<bool, DbError> {
    Ok(tx.run("DELETE FROM deliveries WHERE id = $1", args![id]).await? == 1)
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
