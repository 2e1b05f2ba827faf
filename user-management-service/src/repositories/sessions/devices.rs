//! Devices that an account knows; functions take the caller's transaction.

use crate::models::sessions::session::TokenHash;
use backing::args;
use backing::db::{DbError, Tx};
use contracts::{Timestamp, UserId};

/// How many devices an account knows; the one that was not used for longest is forgotten.
const MOST: i64 = 20;

/// Remembers a device that an account signs in on, until it is one of too many.
pub(crate) async fn remember(tx: &mut Tx, user: UserId, device: TokenHash, now: Timestamp) -> Result<(), DbError> {
    tx.run(
        "INSERT INTO devices (hash, user_id, used_at) VALUES ($1, $2, $3) \
         ON CONFLICT (hash) DO UPDATE SET used_at = excluded.used_at WHERE devices.user_id = excluded.user_id",
        args![device.0.to_vec(), user, now],
    )
    .await?;
    tx.run(
        "DELETE FROM devices WHERE user_id = $1 AND hash NOT IN \
         (SELECT hash FROM devices WHERE user_id = $1 ORDER BY used_at DESC, hash LIMIT $2)",
        args![user, MOST],
    )
    .await
    .map(|_| ())
}
