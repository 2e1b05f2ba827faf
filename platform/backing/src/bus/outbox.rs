//! A service's events that wait to be published.

use crate::db::{DbError, Tx};
use crate::{Db, args};
use contracts::{Event, EventId, NewEvent, Timestamp};

/// Writes an event to the outbox; it is published once the transaction has committed.
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

/// The number of events that wait to be published.
pub async fn waiting(db: &Db) -> Result<i64, DbError> {
    let count = db.read().one::<(i64,)>("SELECT COUNT(*) FROM outbox", args![]).await?;
    Ok(count.map_or(0, |(count,)| count))
}
