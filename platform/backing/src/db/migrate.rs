//! Brings a schema up to date: each migration once, in order, all in one transaction.

use super::{DbError, Pools};
use sha2::{Digest as _, Sha256};
use sqlx::{Executor as _, PgConnection, Row as _, SqliteConnection};

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
}

/// Backing's own tables in each service's schema.
static OWN: &[Migration] = &[
    Migration {
        number: 1,
        name: "outbox, inbox and tasks",
        sqlite: include_str!("../../migrations/sqlite/0001_outbox_inbox_tasks.sql"),
        postgres: include_str!("../../migrations/postgres/0001_outbox_inbox_tasks.sql"),
    },
    Migration {
        number: 2,
        name: "subjects of tasks",
        sqlite: include_str!("../../migrations/sqlite/0002_task_subjects.sql"),
        postgres: include_str!("../../migrations/postgres/0002_task_subjects.sql"),
    },
    Migration {
        number: 3,
        name: "workers of tasks",
        sqlite: include_str!("../../migrations/sqlite/0003_task_workers.sql"),
        postgres: include_str!("../../migrations/postgres/0003_task_workers.sql"),
    },
    Migration {
        number: 4,
        name: "deliveries and dead letters",
        sqlite: include_str!("../../migrations/sqlite/0004_deliveries.sql"),
        postgres: include_str!("../../migrations/postgres/0004_deliveries.sql"),
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

pub(super) async fn run(pools: &Pools, service: &'static str, migrations: &[Migration]) -> Result<(), DbError> {
    match pools {
        Pools::Sqlite { write, .. } => {
            let mut tx = write.begin_with("BEGIN IMMEDIATE").await?;
            tx.execute(
                "CREATE TABLE IF NOT EXISTS schema_migrations (owner TEXT NOT NULL, number INTEGER NOT NULL, \
                 name TEXT NOT NULL, checksum TEXT NOT NULL, PRIMARY KEY (owner, number)) STRICT",
            )
            .await?;
            for (owner, list) in [("backing", OWN), (service, migrations)] {
                on_sqlite(&mut tx, owner, list).await?;
            }
            tx.commit().await?;
        }
        Pools::Postgres(pool) => {
            let mut tx = pool.begin().await?;
            // one migrating process at a time, whichever schema; freed by the transaction's end
            tx.execute("SELECT pg_advisory_xact_lock(7883642510)").await?;
            let create = format!("CREATE SCHEMA IF NOT EXISTS \"{service}\"");
            tx.execute(sqlx::AssertSqlSafe(create)).await?;
            tx.execute(
                "CREATE TABLE IF NOT EXISTS schema_migrations (owner TEXT NOT NULL, number BIGINT NOT NULL, \
                 name TEXT NOT NULL, checksum TEXT NOT NULL, PRIMARY KEY (owner, number))",
            )
            .await?;
            for (owner, list) in [("backing", OWN), (service, migrations)] {
                on_postgres(&mut tx, owner, list).await?;
            }
            tx.commit().await?;
        }
    }
    Ok(())
}

async fn on_sqlite(tx: &mut SqliteConnection, owner: &str, list: &[Migration]) -> Result<(), DbError> {
    let rows = sqlx::query(DONE).bind(owner).fetch_all(&mut *tx).await?;
    let done = rows
        .iter()
        .map(|row| row.try_get(0))
        .collect::<Result<Vec<String>, _>>()?;
    for step in outstanding(owner, list, &done, |step| step.sqlite)? {
        sqlx::raw_sql(step.sqlite).execute(&mut *tx).await?;
        let record = sqlx::query(RECORD).bind(owner).bind(step.number).bind(step.name);
        record.bind(checksum(step.sqlite)).execute(&mut *tx).await?;
        tracing::info!(owner, number = step.number, name = step.name, "migrated");
    }
    Ok(())
}

async fn on_postgres(tx: &mut PgConnection, owner: &str, list: &[Migration]) -> Result<(), DbError> {
    let rows = sqlx::query(DONE).bind(owner).fetch_all(&mut *tx).await?;
    let done = rows
        .iter()
        .map(|row| row.try_get(0))
        .collect::<Result<Vec<String>, _>>()?;
    for step in outstanding(owner, list, &done, |step| step.postgres)? {
        sqlx::raw_sql(step.postgres).execute(&mut *tx).await?;
        let record = sqlx::query(RECORD).bind(owner).bind(step.number).bind(step.name);
        record.bind(checksum(step.postgres)).execute(&mut *tx).await?;
        tracing::info!(owner, number = step.number, name = step.name, "migrated");
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
