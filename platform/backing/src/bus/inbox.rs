//! The marks of handled events, kept in each consumer's own schema.

use crate::db::{DbError, Tx};
use crate::{Db, args};
use contracts::{EventId, Timestamp};
use std::time::Duration;

/// How long after an event was handled it may be delivered once more.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

/// Marks an event as handled by a consumer; false if it was handled before.
///
/// Use it in the transaction of the event's effect: if that is rolled back, both may happen again.
pub async fn first_time(tx: &mut Tx, consumer: &str, event: EventId, now: Timestamp) -> Result<bool, DbError> {
    let mark = "INSERT INTO inbox (consumer, event_id, seen_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    Ok(tx.run(mark, args![consumer, event, now]).await? == 1)
}

/// Removes a mark, so that the event can be handled again.
pub(super) async fn unmark(tx: &mut Tx, consumer: &str, event: EventId) -> Result<(), DbError> {
    let sql = "DELETE FROM inbox WHERE consumer = $1 AND event_id = $2";
    tx.run(sql, args![consumer, event]).await?;
    Ok(())
}

/// Deletes the marks of events that were handled too long ago to be delivered once more.
pub(super) async fn forget(db: &Db, now: Timestamp) -> Result<(), DbError> {
    let old = "SELECT 1 FROM inbox WHERE seen_at < $1 LIMIT 1";
    if db.read().one::<(i64,)>(old, args![now - KEPT]).await?.is_some() {
        let mut tx = db.write().await?;
        tx.run("DELETE FROM inbox WHERE seen_at < $1", args![now - KEPT])
            .await?;
        tx.commit().await?;
    }
    Ok(())
}
