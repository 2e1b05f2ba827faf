//! Functions on rows of several subjects, in the caller's transaction.

use backing::args;
use backing::db::{DbError, Sql, Tx};
use uuid::Uuid;

/// With SQLite, all transactions that write come one after the other.
const ONE_BY_ONE: Sql = Sql::both(
    "SELECT 1 AS one WHERE $1 IS NOT NULL",
    "SELECT 1 AS one FROM pg_advisory_xact_lock($1)",
);

/// Lets the transaction wait for others that count what the same user or lecture has, and later ones wait for its end.
pub(crate) async fn one_by_one(tx: &mut Tx, counted: Uuid) -> Result<(), DbError> {
    let (_, low) = counted.as_u64_pair();
    tx.run(ONE_BY_ONE, args![low.cast_signed()]).await?;
    Ok(())
}
