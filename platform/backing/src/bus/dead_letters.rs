//! Events that a group could not handle, kept in the schema of its effects until somebody replays them.

use super::deliveries::{self, Delivery};
use super::inbox;
use super::port::Outgoing;
use crate::db::{DbError, Tx};
use crate::{Db, args, record};
use contracts::{EventId, Timestamp};
use std::time::Duration;
use uuid::Uuid;

/// How long a dead letter is kept.
const KEPT: Duration = Duration::from_secs(90 * 24 * 3600);

record! {
    /// An event that a group could not handle.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct DeadLetter {
        /// The group.
        pub consumer: String,
        /// The event's id.
        pub event_id: EventId,
        /// The aggregate.
        pub subject: Uuid,
        /// The event's JSON, unchanged.
        pub event: Vec<u8>,
        /// The reason as a stable code.
        pub code: String,
        /// The reason in words.
        pub reason: String,
        /// The number of attempts.
        pub attempts: i64,
        /// When the group gave up.
        pub died_at: Timestamp,
    }
}

/// Makes an event a dead letter, unless it was handled or became one meanwhile; repetitions of it are skipped.
pub(super) async fn add(
    tx: &mut Tx,
    group: &str,
    delivery: &Delivery,
    (code, reason): (&str, &str),
    now: Timestamp,
) -> Result<(), DbError> {
    if deliveries::end(tx, &[delivery.id]).await? == 0 || !inbox::first_time(tx, group, delivery.event_id, now).await? {
        return Ok(());
    }
    let sql = "INSERT INTO dead_letters (consumer, event_id, subject, event, code, reason, attempts, died_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let values = args![
        group,
        delivery.event_id,
        delivery.subject,
        &delivery.event[..],
        code,
        reason,
        delivery.attempt + 1,
        now
    ];
    tx.run(sql, values).await?;
    Ok(())
}

/// The dead letters of a service's groups, oldest first.
pub async fn list(db: &Db) -> Result<Vec<DeadLetter>, DbError> {
    let sql = "SELECT consumer, event_id, subject, event, code, reason, attempts, died_at FROM dead_letters \
               ORDER BY died_at, consumer, event_id";
    db.read().all(sql, args![]).await
}

/// Delivers a dead letter to its group again, behind the waiting events; false if it is no longer a dead letter.
pub async fn replay(db: &Db, letter: &DeadLetter, now: Timestamp) -> Result<bool, DbError> {
    let mut tx = db.write().await?;
    let sql = "DELETE FROM dead_letters WHERE consumer = $1 AND event_id = $2";
    if tx.run(sql, args![&letter.consumer, letter.event_id]).await? == 0 {
        return Ok(false);
    }
    inbox::unmark(&mut tx, &letter.consumer, letter.event_id).await?;
    let again = Outgoing {
        key: letter.subject,
        id: letter.event_id,
        bytes: letter.event.clone().into(),
    };
    deliveries::accept(&mut tx, &letter.consumer, &[again], now).await?;
    tx.commit().await?;
    Ok(true)
}

/// Deletes dead letters that are too old to be replayed.
pub(super) async fn forget(db: &Db, now: Timestamp) -> Result<(), DbError> {
    let old = "SELECT 1 FROM dead_letters WHERE died_at < $1 LIMIT 1";
    if db.read().one::<(i64,)>(old, args![now - KEPT]).await?.is_some() {
        let mut tx = db.write().await?;
        tx.run("DELETE FROM dead_letters WHERE died_at < $1", args![now - KEPT])
            .await?;
        tx.commit().await?;
    }
    Ok(())
}
