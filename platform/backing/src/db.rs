//! The database: one text per query for SQLite and PostgreSQL.
//!
//! Placeholders are `$1`, `$2`, …; [`args!`](crate::args) makes arguments, and rows are read into types
//! declared with [`record!`](crate::record). Column types for both engines: ids are BLOB or UUID,
//! times and whole numbers INTEGER or BIGINT, booleans INTEGER or BOOLEAN, JSON is TEXT in both,
//! bytes are BLOB or BYTEA. Where the dialects must differ, [`Sql::both`] takes two texts.

mod connect;
mod error;
mod inspect;
mod migrate;
mod record;
mod signals;
mod value;

pub use error::DbError;
pub use inspect::Inspected;
pub use migrate::{Fill, Migration};
pub use record::{Column, Record, Row, parse};
use signals::Brought;
pub(crate) use signals::Signals;
pub use value::Value;

/// Why a row could not be read; services use it only through the macros.
pub type ColumnError = sqlx::Error;

use sqlx::postgres::PgPool;
use sqlx::sqlite::SqlitePool;
use sqlx::{Postgres, Sqlite, Transaction};
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

#[derive(Debug, Clone)]
enum Pools {
    Sqlite { read: SqlitePool, write: SqlitePool },
    Postgres(PgPool),
}

/// A service's own schema; clones share the connections.
#[derive(Debug, Clone)]
pub struct Db {
    pools: Pools,
    signals: Arc<Signals>,
    statements: Arc<AtomicU64>,
    service: &'static str,
}

impl Db {
    /// Opens a service's schema, creates it if missing and brings it up to date under a lock.
    ///
    /// Shape: `sqlite:///dir` means the file `/dir/{service}.sqlite`; `postgres://…` the schema
    /// named like the service. Backing's own tables come first in each.
    /// Errors: [`DbError::Migration`] if a migration was edited after it had run
    pub async fn open(url: &str, service: &'static str, migrations: &'static [Migration]) -> Result<Self, DbError> {
        migrate::check_order(migrations)?;
        let pools = connect::open(url, service).await?;
        let db = Self {
            pools,
            signals: Arc::default(),
            statements: Arc::default(),
            service,
        };
        migrate::run(db.write().await?, service, migrations).await?;
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

    /// Reads outside a transaction, without waiting for a writer.
    #[must_use]
    pub fn read(&self) -> Reader<'_> {
        Reader(self)
    }

    /// The number of reading statements so far; tests compare it with the size of the result.
    #[must_use]
    pub fn statements(&self) -> u64 {
        self.statements.load(Ordering::Relaxed)
    }

    /// Starts a writing transaction, which is rolled back if dropped without a commit.
    ///
    /// SQLite has one writer at a time, which holds the lock from here on.
    pub async fn write(&self) -> Result<Tx, DbError> {
        // boxed: opening a connection is a large future, which every caller's future would contain
        let inner = match &self.pools {
            Pools::Sqlite { write, .. } => TxInner::Sqlite(Box::pin(connect::begin(write)).await?),
            Pools::Postgres(pool) => TxInner::Postgres(Box::pin(pool.begin()).await?),
        };
        Ok(Tx {
            inner,
            signals: Arc::clone(&self.signals),
            spoiled: false,
            brought: Brought::default(),
        })
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
        self.0.statements.fetch_add(1, Ordering::Relaxed);
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
        self.0.statements.fetch_add(1, Ordering::Relaxed);
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

#[derive(Debug)]
enum TxInner {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

/// A transaction that writes.
#[derive(Debug)]
pub struct Tx {
    inner: TxInner,
    signals: Arc<Signals>,
    /// SQLite has rolled it back: later statements would run outside it.
    spoiled: bool,
    brought: Brought,
}

impl Tx {
    /// All rows of a statement, `RETURNING` included.
    pub async fn all<T: Record>(&mut self, sql: impl Into<Sql>, args: Vec<Value>) -> Result<Vec<T>, DbError> {
        let rows = self.fetch(sql.into(), args).await;
        self.watched(rows)
    }

    /// The first row of a statement, if there is one; the statement runs to its end.
    pub async fn one<T: Record>(&mut self, sql: impl Into<Sql>, args: Vec<Value>) -> Result<Option<T>, DbError> {
        Ok(self.all(sql, args).await?.into_iter().next())
    }

    /// Runs a statement and returns how many rows it changed.
    pub async fn run(&mut self, sql: impl Into<Sql>, args: Vec<Value>) -> Result<u64, DbError> {
        let changed = self.execute(sql.into(), args).await;
        self.watched(changed)
    }

    async fn fetch<T: Record>(&mut self, sql: Sql, args: Vec<Value>) -> Result<Vec<T>, DbError> {
        self.whole()?;
        match &mut self.inner {
            TxInner::Sqlite(tx) => {
                let query = sqlx::query_with(sql.sqlite, value::sqlite(args)?);
                let rows = query.fetch_all(&mut **tx).await?;
                rows.iter().map(|row| record::read(&Row::Sqlite(row))).collect()
            }
            TxInner::Postgres(tx) => {
                let query = sqlx::query_with(sql.postgres, value::postgres(args)?);
                let rows = query.fetch_all(&mut **tx).await?;
                rows.iter().map(|row| record::read(&Row::Postgres(row))).collect()
            }
        }
    }

    async fn execute(&mut self, sql: Sql, args: Vec<Value>) -> Result<u64, DbError> {
        self.whole()?;
        Ok(match &mut self.inner {
            TxInner::Sqlite(tx) => {
                let query = sqlx::query_with(sql.sqlite, value::sqlite(args)?);
                query.execute(&mut **tx).await?.rows_affected()
            }
            TxInner::Postgres(tx) => {
                let query = sqlx::query_with(sql.postgres, value::postgres(args)?);
                query.execute(&mut **tx).await?.rows_affected()
            }
        })
    }

    fn whole(&self) -> Result<(), DbError> {
        if self.spoiled { Err(DbError::Full) } else { Ok(()) }
    }

    fn watched<T>(&mut self, result: Result<T, DbError>) -> Result<T, DbError> {
        self.spoiled |= matches!(result, Err(DbError::Full));
        result
    }

    /// Makes the changes durable, then wakes the loops that wait for them.
    pub async fn commit(self) -> Result<(), DbError> {
        self.whole()?;
        match self.inner {
            TxInner::Sqlite(tx) => tx.commit().await?,
            TxInner::Postgres(tx) => tx.commit().await?,
        }
        self.signals.committed(self.brought);
        Ok(())
    }

    /// Rolls the changes back at once, instead of when the transaction is dropped.
    pub async fn rollback(self) -> Result<(), DbError> {
        match self.inner {
            TxInner::Sqlite(tx) => tx.rollback().await?,
            TxInner::Postgres(tx) => tx.rollback().await?,
        }
        Ok(())
    }

    pub(crate) fn mark_pushed(&mut self) {
        self.brought.pushed = true;
    }

    pub(crate) fn mark_enqueued(&mut self) {
        self.brought.enqueued = true;
    }

    pub(crate) fn mark_accepted(&mut self) {
        self.brought.accepted = true;
    }
}
