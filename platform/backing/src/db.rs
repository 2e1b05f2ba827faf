//! The database: one text per query for SQLite and PostgreSQL.
//!
//! Placeholders are `$1`, `$2`, …; [`args!`](crate::args) makes arguments, and rows are read into types
//! declared with [`record!`](crate::record). Column types for both engines: ids are BLOB or UUID,
//! times and whole numbers INTEGER or BIGINT, booleans INTEGER or BOOLEAN, JSON is TEXT in both,
//! bytes are BLOB or BYTEA. Where the dialects must differ, [`Sql::both`] takes two texts.
//!
//! A list of ids is one argument, a JSON array: `id IN (SELECT unhex(value) FROM json_each($1))` on SQLite, and
//! `id = ANY (ARRAY(SELECT json_array_elements_text($1::json)::uuid))` on PostgreSQL. There, `IN (SELECT …)` counts as 100
//! ids, for which PostgreSQL reads the whole of a table of 10,000 rows.

mod connect;
mod error;
mod inspect;
mod many_rows;
mod migrate;
mod record;
mod signals;
mod transaction;
mod value;

pub use error::DbError;
pub use inspect::Inspected;
pub use migrate::{Fill, Migration};
pub use record::{Column, Record, Row, parse};
pub use signals::Edition;
pub(crate) use signals::Signals;
use transaction::TxInner;
pub use transaction::{Snapshot, Tx};
pub use value::{Value, after, before};

/// Why a row could not be read; services use it only through the macros.
pub type ColumnError = sqlx::Error;

use sqlx::postgres::PgPool;
use sqlx::sqlite::SqlitePool;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A statement; plain text if both engines understand it.
#[derive(Debug, Clone, Copy)]
pub struct Sql {
    sqlite: &'static str,
    postgres: &'static str,
}

impl Sql {
    /// Two equivalent texts, for the few places where the dialects must differ.
    #[must_use]
    pub const fn both(sqlite: &'static str, postgres: &'static str) -> Self {
        Self { sqlite, postgres }
    }

    /// The text for SQLite and the one for PostgreSQL.
    #[must_use]
    pub const fn texts(self) -> (&'static str, &'static str) {
        (self.sqlite, self.postgres)
    }
}

impl From<&'static str> for Sql {
    fn from(text: &'static str) -> Self {
        Self::both(text, text)
    }
}

/// How many connections to PostgreSQL a schema has, unless its opener decides.
const CONNECTIONS: u32 = 6;

#[derive(Debug, Clone)]
enum Pools {
    Sqlite { read: SqlitePool, write: SqlitePool },
    Postgres(PgPool),
}

/// How many statements there were, for tests.
#[derive(Debug, Default)]
struct Counts {
    reads: AtomicU64,
    writes: AtomicU64,
}

/// A service's own schema; clones share the connections.
#[derive(Debug, Clone)]
pub struct Db {
    pools: Pools,
    signals: Arc<Signals>,
    counts: Arc<Counts>,
    service: &'static str,
}

impl Db {
    /// Opens a service's schema, creates it if missing and brings it up to date under a lock.
    ///
    /// Shape: `sqlite:///dir` means the file `/dir/{service}.sqlite`; `postgres://…` the schema
    /// named like the service. Backing's own tables come first in each.
    /// Errors: [`DbError::Migration`] if a migration was edited after it had run, or a newer program has brought the schema
    /// to a version that this one can't use
    pub async fn open(url: &str, service: &'static str, migrations: &'static [Migration]) -> Result<Self, DbError> {
        Self::open_within(url, service, migrations, CONNECTIONS).await
    }

    /// The same with at most this many connections to PostgreSQL, at least 2.
    pub async fn open_within(
        url: &str,
        service: &'static str,
        migrations: &'static [Migration],
        connections: u32,
    ) -> Result<Self, DbError> {
        migrate::check(migrations)?;
        let pools = connect::open(url, service, connections).await?;
        let db = Self::of(pools, service);
        let migrated = match db.write().await {
            Ok(tx) => migrate::run(tx, service, migrations).await,
            Err(error) => Err(error),
        };
        if let Err(error) = migrated {
            db.close().await;
            return Err(error);
        }
        Ok(db)
    }

    /// Whether a service's schema exists, of whatever version; creates nothing.
    ///
    /// Shape: URLs are those of [`Db::open`]
    pub async fn exists(url: &str, service: &'static str) -> Result<bool, DbError> {
        connect::exists(url, service).await
    }

    /// Looks at a service's schema without changing anything.
    ///
    /// Errors: whatever would keep [`Db::open`] from succeeding
    pub async fn inspect(
        url: &str,
        service: &'static str,
        migrations: &'static [Migration],
    ) -> Result<Inspected, DbError> {
        inspect::inspect(url, service, migrations).await
    }

    fn of(pools: Pools, service: &'static str) -> Self {
        Self {
            pools,
            signals: Arc::default(),
            counts: Arc::default(),
            service,
        }
    }

    /// Reads outside a transaction, without waiting for a writer.
    #[must_use]
    pub fn read(&self) -> Reader<'_> {
        Reader(self)
    }

    /// Starts reading at one moment, without waiting for a writer, for results that several statements make together.
    pub async fn snapshot(&self) -> Result<Snapshot, DbError> {
        let inner = match &self.pools {
            Pools::Sqlite { read, .. } => TxInner::reading_sqlite(read).await?,
            Pools::Postgres(pool) => TxInner::reading_postgres(pool).await?,
        };
        Ok(Snapshot::new(inner, Arc::clone(&self.counts)))
    }

    /// The number of reading statements so far; tests compare it with the size of the result.
    #[must_use]
    pub fn statements(&self) -> u64 {
        self.counts.reads.load(Ordering::Relaxed)
    }

    /// The number of statements of writing transactions so far; tests compare it with the number of rows.
    #[must_use]
    pub fn writes(&self) -> u64 {
        self.counts.writes.load(Ordering::Relaxed)
    }

    /// Starts a writing transaction, which is rolled back if dropped without a commit.
    ///
    /// SQLite has one writer at a time, which holds the lock from here on.
    pub async fn write(&self) -> Result<Tx, DbError> {
        let inner = match &self.pools {
            Pools::Sqlite { write, .. } => TxInner::writing_sqlite(write).await?,
            Pools::Postgres(pool) => TxInner::writing_postgres(pool).await?,
        };
        Ok(Tx::new(inner, Arc::clone(&self.counts), Arc::clone(&self.signals)))
    }

    /// Counts the commits in this process that may change these tables.
    #[must_use]
    pub fn watch(&self, tables: &'static [&'static str]) -> Edition {
        self.signals.watch(tables)
    }

    /// Whether the engine is PostgreSQL.
    #[must_use]
    pub fn is_postgres(&self) -> bool {
        matches!(self.pools, Pools::Postgres(_))
    }

    /// Closes all connections once running queries have ended.
    pub async fn close(&self) {
        match &self.pools {
            Pools::Sqlite { read, write } => {
                read.close().await;
                write.close().await;
            }
            Pools::Postgres(pool) => pool.close().await,
        }
    }

    /// The service whose schema this is.
    #[must_use]
    pub fn service(&self) -> &'static str {
        self.service
    }

    pub(crate) fn signals(&self) -> &Signals {
        &self.signals
    }
}

/// Runs single reading statements.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a>(&'a Db);

impl Reader<'_> {
    /// All rows.
    pub async fn all<T: Record>(self, sql: impl Into<Sql>, args: Vec<Value>) -> Result<Vec<T>, DbError> {
        let sql = sql.into();
        self.0.counts.reads.fetch_add(1, Ordering::Relaxed);
        match &self.0.pools {
            Pools::Sqlite { read, .. } => {
                let rows = sqlx::query_with(sql.sqlite, value::sqlite(args)?)
                    .fetch_all(read)
                    .await?;
                rows.iter().map(|row| record::read(&Row::Sqlite(row))).collect()
            }
            Pools::Postgres(pool) => {
                let rows = sqlx::query_with(sql.postgres, value::postgres(args)?)
                    .fetch_all(pool)
                    .await?;
                rows.iter().map(|row| record::read(&Row::Postgres(row))).collect()
            }
        }
    }

    /// The first row, if there is one.
    pub async fn one<T: Record>(self, sql: impl Into<Sql>, args: Vec<Value>) -> Result<Option<T>, DbError> {
        let sql = sql.into();
        self.0.counts.reads.fetch_add(1, Ordering::Relaxed);
        match &self.0.pools {
            Pools::Sqlite { read, .. } => {
                let row = sqlx::query_with(sql.sqlite, value::sqlite(args)?)
                    .fetch_optional(read)
                    .await?;
                row.map(|row| record::read(&Row::Sqlite(&row))).transpose()
            }
            Pools::Postgres(pool) => {
                let row = sqlx::query_with(sql.postgres, value::postgres(args)?)
                    .fetch_optional(pool)
                    .await?;
                row.map(|row| record::read(&Row::Postgres(&row))).transpose()
            }
        }
    }
}
