//! What owners have of the store.

use crate::models::uploads::creation::NewUpload;
use crate::models::uploads::usage::{Allowance, Excess, Usage};
use backing::db::{DbError, Reader, Tx};
use backing::{args, record};
use contracts::{Timestamp, UserId};
use std::time::Duration;

/// Finished lectures have their size; unfinished uploads have what came, and miss what they have declared.
const OF_OWNER: &str = "SELECT \
    CAST(COALESCE((SELECT SUM(bytes) FROM videos WHERE owner_id = $1 AND status <> 'deleted'), 0) AS BIGINT) AS kept, \
    CAST(COALESCE(SUM(bytes_received), 0) AS BIGINT) AS received, \
    CAST(COALESCE(SUM(COALESCE(length, bytes_received) - bytes_received), 0) AS BIGINT) AS missing, COUNT(*) AS open \
    FROM uploads WHERE owner_id = $1 AND state IN ('open', 'finishing')";
/// Of an upload that rests, no more than came of it counts.
const MISSING: &str = "SELECT CAST(COALESCE(SUM(CASE \
    WHEN touched_at < $2 AND COALESCE(length, bytes_received) > 2 * bytes_received THEN bytes_received \
    ELSE COALESCE(length, bytes_received) - bytes_received END), 0) AS BIGINT) \
    AS missing FROM uploads WHERE state IN ('open', 'finishing') AND touched_at >= $1";
/// How long after its last byte an upload keeps room that it has declared.
const HELD: Duration = Duration::from_secs(3_600);
/// After this long without a byte, it keeps no more than it has filled, so that nobody holds a disk by words alone.
const RESTS: Duration = Duration::from_secs(60);

record! {
    struct UsageRow {
        kept: i64,
        received: i64,
        missing: i64,
        open: i64,
    }
}

record! {
    struct Missing {
        missing: i64,
    }
}

impl From<UsageRow> for Usage {
    fn from(row: UsageRow) -> Self {
        Self {
            stored: row.kept.unsigned_abs().saturating_add(row.received.unsigned_abs()),
            declared: row.missing.unsigned_abs(),
            open: row.open.unsigned_abs(),
        }
    }
}

/// What an owner has.
pub(crate) async fn of_owner(reader: Reader<'_>, owner: UserId) -> Result<Usage, DbError> {
    let row = reader.one::<UsageRow>(OF_OWNER, args![owner]).await?;
    Ok(row.map(Usage::from).unwrap_or_default())
}

/// Whether a new upload fits, as the caller's transaction sees it.
///
/// Shape: what it exceeds, if it does
pub(crate) async fn check(
    tx: &mut Tx,
    new: &NewUpload,
    allowance: &Allowance,
    now: Timestamp,
) -> Result<Option<Excess>, DbError> {
    if *allowance == Allowance::BOUNDLESS {
        return Ok(None);
    }
    tx.one_by_one(new.owner.0).await?;
    let owner = tx.one::<UsageRow>(OF_OWNER, args![new.owner]).await?;
    let all = tx.one::<Missing>(MISSING, args![now - HELD, now - RESTS]).await?;
    let owner = owner.map(Usage::from).unwrap_or_default();
    let declared = all.map_or(0, |row| row.missing.unsigned_abs());
    Ok(allowance.check(new.length, owner, declared).err())
}
