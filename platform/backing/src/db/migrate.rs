//! Brings a schema up to date: each migration once, in order, all in one transaction.

use super::{DbError, Sql, Tx, TxInner};
use crate::args;
use sha2::{Digest as _, Sha256};
use sqlx::Executor as _;
use std::pin::Pin;

/// One step of a schema's history; once released it is never edited.
///
/// A program refuses a schema with migrations that it does not know, unless all of those say that it may go on: the line
/// `-- compatible-from: 5` in both texts admits programs that know at least migration 5. Without it, no older program may
/// start. A migration that only adds tables, indexes, or columns with a default can say so; during an upgrade node by node,
/// older programs then restart.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// Counts from 1 without gaps.
    pub number: i64,
    /// What it brings, for the log.
    pub name: &'static str,
    /// The statements for SQLite.
    pub sqlite: &'static str,
    /// The statements for PostgreSQL.
    pub postgres: &'static str,
    /// What is filled in after the statements.
    pub fill: Option<Fill>,
}

/// Fills in, in the migration's transaction, what SQL can't say alike for both engines.
pub type Fill = for<'t> fn(&'t mut Tx) -> Pin<Box<dyn Future<Output = Result<(), DbError>> + Send + 't>>;

const HISTORY: Sql = Sql::both(
    "CREATE TABLE IF NOT EXISTS schema_migrations (owner TEXT NOT NULL, number INTEGER NOT NULL, \
     name TEXT NOT NULL, checksum TEXT NOT NULL, compatible_from INTEGER, PRIMARY KEY (owner, number)) STRICT",
    "CREATE TABLE IF NOT EXISTS schema_migrations (owner TEXT NOT NULL, number BIGINT NOT NULL, \
     name TEXT NOT NULL, checksum TEXT NOT NULL, compatible_from BIGINT, PRIMARY KEY (owner, number))",
);
/// Schemas that were made before migrations spoke of older programs lack a column.
const SPEAKS_OF_OLDER: Sql = Sql::both(
    "SELECT 1 FROM pragma_table_info('schema_migrations') WHERE name = 'compatible_from'",
    "SELECT 1 FROM information_schema.columns WHERE table_schema = current_schema() \
     AND table_name = 'schema_migrations' AND column_name = 'compatible_from'",
);
const SPEAK_OF_OLDER: Sql = Sql::both(
    "ALTER TABLE schema_migrations ADD COLUMN compatible_from INTEGER",
    "ALTER TABLE schema_migrations ADD COLUMN compatible_from BIGINT",
);
/// Whether a migration after those that a program knows keeps it from going on.
const REFUSES: &str = "SELECT 1 FROM schema_migrations WHERE owner = $1 AND number > $2 \
    AND (compatible_from IS NULL OR compatible_from > $2)";
/// What a migration's line that admits older programs begins with.
const COMPATIBLE: &str = "-- compatible-from:";

/// Backing's own tables in each service's schema.
static OWN: &[Migration] = &[
    Migration {
        number: 1,
        name: "outbox, inbox and tasks",
        fill: None,
        sqlite: include_str!("../../migrations/sqlite/0001_outbox_inbox_tasks.sql"),
        postgres: include_str!("../../migrations/postgres/0001_outbox_inbox_tasks.sql"),
    },
    Migration {
        number: 2,
        name: "subjects of tasks",
        fill: None,
        sqlite: include_str!("../../migrations/sqlite/0002_task_subjects.sql"),
        postgres: include_str!("../../migrations/postgres/0002_task_subjects.sql"),
    },
    Migration {
        number: 3,
        name: "workers of tasks",
        fill: None,
        sqlite: include_str!("../../migrations/sqlite/0003_task_workers.sql"),
        postgres: include_str!("../../migrations/postgres/0003_task_workers.sql"),
    },
    Migration {
        number: 4,
        name: "deliveries and dead letters",
        fill: None,
        sqlite: include_str!("../../migrations/sqlite/0004_deliveries.sql"),
        postgres: include_str!("../../migrations/postgres/0004_deliveries.sql"),
    },
    Migration {
        number: 5,
        name: "requests with a key",
        fill: None,
        sqlite: include_str!("../../migrations/sqlite/0005_once.sql"),
        postgres: include_str!("../../migrations/postgres/0005_once.sql"),
    },
    Migration {
        number: 6,
        name: "the audit",
        fill: None,
        sqlite: include_str!("../../migrations/sqlite/0006_audit.sql"),
        postgres: include_str!("../../migrations/postgres/0006_audit.sql"),
    },
];

const DONE: &str = "SELECT checksum FROM schema_migrations WHERE owner = $1 ORDER BY number";
const RECORD: &str = "INSERT INTO schema_migrations (owner, number, name, checksum, compatible_from) \
    VALUES ($1, $2, $3, $4, $5)";

/// Checks what a program's migrations say of themselves.
pub(super) fn check(migrations: &[Migration]) -> Result<(), DbError> {
    for (migration, number) in migrations.iter().zip(1..) {
        if migration.number != number {
            return Err(DbError::Migration("migrations are not numbered 1, 2, 3, …".to_owned()));
        }
        let [one, other] = [migration.sqlite, migration.postgres].map(compatible_from);
        if one != other || one.is_some_and(|from| !(0..number).contains(&from)) {
            let problem = format!("migration {number} does not clearly say which older programs may go on");
            return Err(DbError::Migration(problem));
        }
    }
    Ok(())
}

/// The oldest migration that a program must know to go on after this one; -1 if the line can't be read.
fn compatible_from(text: &str) -> Option<i64> {
    let line = text.lines().find_map(|line| line.trim().strip_prefix(COMPATIBLE))?;
    Some(line.trim().parse().unwrap_or(-1))
}

pub(super) async fn run(mut tx: Tx, service: &'static str, migrations: &[Migration]) -> Result<(), DbError> {
    if let TxInner::Postgres(connection) = &mut tx.inner {
        // what changes a large table takes its time, and whoever starts meanwhile waits
        connection.execute("SET LOCAL lock_timeout = 0").await?;
        connection.execute("SET LOCAL statement_timeout = 0").await?;
        // one migrating process at a time, whichever schema; freed by the transaction's end
        connection.execute("SELECT pg_advisory_xact_lock(7883642510)").await?;
        let create = format!("CREATE SCHEMA IF NOT EXISTS \"{service}\"");
        connection.execute(sqlx::AssertSqlSafe(create)).await?;
    }
    script(&mut tx, HISTORY).await?;
    if !speaks_of_older(&mut tx.inner).await? {
        script(&mut tx, SPEAK_OF_OLDER).await?;
    }
    for (owner, list) in [("backing", OWN), (service, migrations)] {
        bring_up(&mut tx, owner, list).await?;
    }
    tx.commit().await
}

async fn bring_up(tx: &mut Tx, owner: &str, list: &[Migration]) -> Result<(), DbError> {
    let text = dialect(&tx.inner);
    for step in outstanding(&mut tx.inner, owner, list).await? {
        script(tx, Sql::both(step.sqlite, step.postgres)).await?;
        if let Some(fill) = step.fill {
            fill(tx).await?;
        }
        let (sum, from) = (checksum(text(step)), compatible_from(text(step)));
        tx.run(RECORD, args![owner, step.number, step.name, sum, from]).await?;
        tracing::info!(owner, number = step.number, name = step.name, "migrated");
    }
    Ok(())
}

/// The number of migrations that `run` would run.
pub(super) async fn count_outstanding(
    inner: &mut TxInner,
    service: &str,
    migrations: &[Migration],
) -> Result<usize, DbError> {
    check(migrations)?;
    let mut count = 0;
    for (owner, list) in [("backing", OWN), (service, migrations)] {
        count += outstanding(inner, owner, list).await?.len();
    }
    Ok(count)
}

fn dialect(inner: &TxInner) -> fn(&Migration) -> &'static str {
    if inner.is_postgres() {
        |step| step.postgres
    } else {
        |step| step.sqlite
    }
}

async fn speaks_of_older(inner: &mut TxInner) -> Result<bool, DbError> {
    Ok(!inner.all::<(i64,)>(SPEAKS_OF_OLDER, args![]).await?.is_empty())
}

/// Runs several statements.
async fn script(tx: &mut Tx, text: Sql) -> Result<(), DbError> {
    match &mut tx.inner {
        TxInner::Sqlite(connection) => {
            sqlx::raw_sql(text.sqlite).execute(&mut **connection).await?;
        }
        TxInner::Postgres(connection) => {
            sqlx::raw_sql(text.postgres).execute(&mut **connection).await?;
        }
    }
    Ok(())
}

/// The migrations that have not run yet; none if a newer program has run more, and they all let this one go on.
///
/// Errors: a history that does not fit this program
async fn outstanding<'a>(inner: &mut TxInner, owner: &str, list: &'a [Migration]) -> Result<&'a [Migration], DbError> {
    let text = dialect(inner);
    let done: Vec<(String,)> = inner.all(DONE.into(), args![owner]).await?;
    for (step, (ran,)) in list.iter().zip(&done) {
        if checksum(text(step)) != *ran {
            let problem = format!("migration {} of {owner} was edited after it had run", step.number);
            return Err(DbError::Migration(problem));
        }
    }
    if let Some(rest) = list.get(done.len()..) {
        return Ok(rest);
    }
    let known = i64::try_from(list.len()).unwrap_or(i64::MAX);
    let admitted = speaks_of_older(inner).await?
        && inner
            .all::<(i64,)>(REFUSES.into(), args![owner, known])
            .await?
            .is_empty();
    if !admitted {
        return Err(DbError::Migration(format!(
            "{owner}'s tables were made by a newer version"
        )));
    }
    tracing::warn!(
        owner,
        known,
        has = done.len(),
        "the schema is newer than this program, and lets it go on"
    );
    Ok(&[])
}

fn checksum(text: &str) -> String {
    use std::fmt::Write as _;
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(text.as_bytes()) {
        // writing to a String can't fail
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}
