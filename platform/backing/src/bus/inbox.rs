//! What each consumer has handled, kept in its own schema.

use crate::db::{DbError, Tx};
use crate::{Db, args};
use contracts::{EventId, Timestamp};
use std::time::Duration;

/// How long an event may take to come a second time.
pub(crate) const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

/// Marks an event as handled by a consumer; false when it was handled before.
///
/// Belongs into the transaction of the event's effect: rolled back together, they are done again together.
pub async fn first_time(tx: &mut Tx, consumer: &str, event: EventId) -> Result<bool, DbError> {
    let mark = "INSERT INTO inbox (consumer, event_id, seen_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    Ok(tx.run(mark, args![consumer, event, made_at(event)]).await? == 1)
}

/// When an event was made, as its id tells; ids without a time are never forgotten.
fn made_at(event: EventId) -> Timestamp {
    event.0.get_timestamp().map_or(Timestamp(i64::MAX), |moment| {
        let (seconds, nanos) = moment.to_unix();
        let seconds = Timestamp::from_seconds(i64::try_from(seconds).unwrap_or(i64::MAX));
        seconds + Duration::from_nanos(nanos.into())
    })
}

pub(crate) async fn forget_before(db: &Db, moment: Timestamp) -> Result<(), DbError> {
    let old = "SELECT 1 FROM inbox WHERE seen_at < $1 LIMIT 1";
    if db.read().one::<(i64,)>(old, args![moment]).await?.is_some() {
        let mut tx = db.write().await?;
        tx.run("DELETE FROM inbox WHERE seen_at < $1", args![moment]).await?;
        tx.commit().await?;
    }
    Ok(())
}
