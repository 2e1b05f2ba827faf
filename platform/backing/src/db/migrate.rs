//! Brings a schema up to date: each migration once, in order, all in one transaction.

use super::{Db, DbError, Sql, Tx, TxInner};
use crate::args;
use sha2::{Digest as _, Sha256};
use sqlx::Executor as _;
use std::pin::Pin;

/// One step of a schema's history; once released it is never edited.
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
     name TEXT NOT NULL, checksum TEXT NOT NULL, PRIMARY KEY (owner, number)) STRICT",
    "CREATE TABLE IF NOT EXISTS schema_migrations (owner TEXT NOT NULL, number BIGINT NOT NULL, \
     name TEXT NOT NULL, checksum TEXT NOT NULL, PRIMARY KEY (owner, number))",
);

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
const RECORD: &str = "INSERT INTO schema_migrations (owner, number, name, checksum) VALUES ($1, $2, $3, $4)";

pub(super) fn check_order(migrations: &[Migration]) -> Result<(), DbError> {
    let ordered = migrations
        .iter()
        .zip(1..)
        .all(|(migration, number)| migration.number == number);
    if ordered {
        Ok(())
    } else {
        Err(DbError::Migration("migrations are not numbered 1, 2, 3, …".to_owned()))
    }
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
    for (owner, list) in [("backing", OWN), (service, migrations)] {
        bring_up(&mut tx, owner, list).await?;
    }
    tx.commit().await
}

async fn bring_up(tx: &mut Tx, owner: &str, list: &[Migration]) -> Result<(), DbError> {
    let done: Vec<(String,)> = tx.all(DONE, args![owner]).await?;
    let done: Vec<String> = done.into_iter().map(|(checksum,)| checksum).collect();
    let text: fn(&Migration) -> &'static str = match tx.inner {
        TxInner::Sqlite(_) => |step| step.sqlite,
        TxInner::Postgres(_) => |step| step.postgres,
    };
    for step in outstanding(owner, list, &done, text)? {
        script(tx, Sql::both(step.sqlite, step.postgres)).await?;
        if let Some(fill) = step.fill {
            fill(tx).await?;
        }
        let record = args![owner, step.number, step.name, checksum(text(step))];
        tx.run(RECORD, record).await?;
        tracing::info!(owner, number = step.number, name = step.name, "migrated");
    }
    Ok(())
}

/// The number of migrations that `run` would run.
pub(super) async fn count_outstanding(db: &Db, migrations: &[Migration]) -> Result<usize, DbError> {
    check_order(migrations)?;
    let text: fn(&Migration) -> &'static str = if db.is_postgres() {
        |step| step.postgres
    } else {
        |step| step.sqlite
    };
    let mut count = 0;
    for (owner, list) in [("backing", OWN), (db.service, migrations)] {
        let done: Vec<(String,)> = db.read().all(DONE, args![owner]).await?;
        let done: Vec<String> = done.into_iter().map(|(checksum,)| checksum).collect();
        count += outstanding(owner, list, &done, text)?.len();
    }
    Ok(count)
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

/// What has not run yet; refuses a history that this program does not know.
fn outstanding<'a>(
    owner: &str,
    list: &'a [Migration],
    done: &[String],
    text: fn(&Migration) -> &'static str,
) -> Result<&'a [Migration], DbError> {
    for (step, ran) in list.iter().zip(done) {
        if checksum(text(step)) != *ran {
            let problem = format!("migration {} of {owner} was edited after it had run", step.number);
            return Err(DbError::Migration(problem));
        }
    }
    list.get(done.len()..)
        .ok_or_else(|| DbError::Migration(format!("{owner}'s tables were made by a newer version")))
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
