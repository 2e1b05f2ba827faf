//! Transactions: those that write, and those in which several reads see the database at one moment.

use super::record::{self, Record, Row};
use super::signals::{Brought, Committing, Signals};
use super::{Counts, DbError, Sql, Value, connect, many_rows, value};
use sqlx::postgres::PgPool;
use sqlx::sqlite::SqlitePool;
use sqlx::{AssertSqlSafe, Postgres, Sqlite, Transaction};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use uuid::Uuid;

/// Everything that a snapshot reads, it reads as of its first statement.
const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY";

#[derive(Debug)]
pub(super) enum TxInner {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

impl TxInner {
    pub(super) async fn writing_sqlite(pool: &SqlitePool) -> Result<Self, DbError> {
        // boxed: opening a connection is a large future, which every caller's future would contain
        Ok(Self::Sqlite(Box::pin(connect::begin(pool)).await?))
    }

    pub(super) async fn writing_postgres(pool: &PgPool) -> Result<Self, DbError> {
        Ok(Self::Postgres(Box::pin(pool.begin()).await?))
    }

    /// SQLite begins transactions as deferred ones, which read a snapshot and lock nothing.
    pub(super) async fn reading_sqlite(pool: &SqlitePool) -> Result<Self, DbError> {
        Ok(Self::Sqlite(Box::pin(pool.begin()).await?))
    }

    pub(super) async fn reading_postgres(pool: &PgPool) -> Result<Self, DbError> {
        Ok(Self::Postgres(Box::pin(pool.begin_with(SNAPSHOT)).await?))
    }

    pub(super) fn is_postgres(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    pub(super) async fn all<T: Record>(&mut self, sql: Sql, args: Vec<Value>) -> Result<Vec<T>, DbError> {
        match self {
            Self::Sqlite(tx) => {
                let query = sqlx::query_with(sql.sqlite, value::sqlite(args)?);
                let rows = query.fetch_all(&mut **tx).await?;
                rows.iter().map(|row| record::read(&Row::Sqlite(row))).collect()
            }
            Self::Postgres(tx) => {
                let query = sqlx::query_with(sql.postgres, value::postgres(args)?);
                let rows = query.fetch_all(&mut **tx).await?;
                rows.iter().map(|row| record::read(&Row::Postgres(row))).collect()
            }
        }
    }

    async fn first<T: Record>(&mut self, sql: Sql, args: Vec<Value>) -> Result<Option<T>, DbError> {
        match self {
            Self::Sqlite(tx) => {
                let query = sqlx::query_with(sql.sqlite, value::sqlite(args)?);
                let row = query.fetch_optional(&mut **tx).await?;
                row.map(|row| record::read(&Row::Sqlite(&row))).transpose()
            }
            Self::Postgres(tx) => {
                let query = sqlx::query_with(sql.postgres, value::postgres(args)?);
                let row = query.fetch_optional(&mut **tx).await?;
                row.map(|row| record::read(&Row::Postgres(&row))).transpose()
            }
        }
    }

    async fn execute(&mut self, sql: Sql, args: Vec<Value>) -> Result<u64, DbError> {
        Ok(match self {
            Self::Sqlite(tx) => {
                let query = sqlx::query_with(sql.sqlite, value::sqlite(args)?);
                query.execute(&mut **tx).await?.rows_affected()
            }
            Self::Postgres(tx) => {
                let query = sqlx::query_with(sql.postgres, value::postgres(args)?);
                query.execute(&mut **tx).await?.rows_affected()
            }
        })
    }

    /// Runs a text that was made for one number of rows; the connection forgets it afterwards.
    async fn execute_once(&mut self, text: String, args: Vec<Value>) -> Result<u64, DbError> {
        let text = AssertSqlSafe(text);
        Ok(match self {
            Self::Sqlite(tx) => {
                let query = sqlx::query_with(text, value::sqlite(args)?).persistent(false);
                query.execute(&mut **tx).await?.rows_affected()
            }
            Self::Postgres(tx) => {
                let query = sqlx::query_with(text, value::postgres(args)?).persistent(false);
                query.execute(&mut **tx).await?.rows_affected()
            }
        })
    }
}

/// Several reads that see the database at one moment; later commits are invisible to it. Dropping it ends it.
///
/// It holds a connection, and PostgreSQL keeps old rows for it: read, and drop it.
#[derive(Debug)]
pub struct Snapshot {
    inner: TxInner,
    counts: Arc<Counts>,
}

impl Snapshot {
    pub(super) fn new(inner: TxInner, counts: Arc<Counts>) -> Self {
        Self { inner, counts }
    }

    /// All rows.
    pub async fn all<T: Record>(&mut self, sql: impl Into<Sql>, args: Vec<Value>) -> Result<Vec<T>, DbError> {
        self.counts.reads.fetch_add(1, Ordering::Relaxed);
        self.inner.all(sql.into(), args).await
    }

    /// The first row, if there is one.
    pub async fn one<T: Record>(&mut self, sql: impl Into<Sql>, args: Vec<Value>) -> Result<Option<T>, DbError> {
        self.counts.reads.fetch_add(1, Ordering::Relaxed);
        self.inner.first(sql.into(), args).await
    }

    pub(super) fn inner(&mut self) -> &mut TxInner {
        &mut self.inner
    }
}

/// A transaction that writes.
#[derive(Debug)]
pub struct Tx {
    pub(super) inner: TxInner,
    counts: Arc<Counts>,
    signals: Arc<Signals>,
    /// SQLite has rolled it back: later statements would run outside it.
    spoiled: bool,
    brought: Brought,
}

impl Tx {
    pub(super) fn new(inner: TxInner, counts: Arc<Counts>, signals: Arc<Signals>) -> Self {
        Self {
            inner,
            counts,
            signals,
            spoiled: false,
            brought: Brought::default(),
        }
    }

    /// All rows of a statement, `RETURNING` included.
    pub async fn all<T: Record>(&mut self, sql: impl Into<Sql>, args: Vec<Value>) -> Result<Vec<T>, DbError> {
        let sql = sql.into();
        self.begin_statement(sql.sqlite)?;
        let rows = self.inner.all(sql, args).await;
        self.watched(rows)
    }

    /// The first row of a statement, if there is one; the statement runs to its end.
    pub async fn one<T: Record>(&mut self, sql: impl Into<Sql>, args: Vec<Value>) -> Result<Option<T>, DbError> {
        Ok(self.all(sql, args).await?.into_iter().next())
    }

    /// Locks rows of PostgreSQL by a statement that finds them. SQLite needs none of it: it has one writer at a time.
    pub async fn lock(&mut self, sql: &'static str, args: Vec<Value>) -> Result<(), DbError> {
        if self.inner.is_postgres() {
            self.run(sql, args).await?;
        }
        Ok(())
    }

    /// Lets the transaction wait for others that count what the same user or lecture has, and later ones wait for its end.
    pub async fn one_by_one(&mut self, counted: Uuid) -> Result<(), DbError> {
        let (_, low) = counted.as_u64_pair();
        self.lock("SELECT pg_advisory_xact_lock($1)", crate::args![low.cast_signed()])
            .await
    }

    /// Runs a statement and returns how many rows it changed.
    pub async fn run(&mut self, sql: impl Into<Sql>, args: Vec<Value>) -> Result<u64, DbError> {
        let sql = sql.into();
        self.begin_statement(sql.sqlite)?;
        let changed = self.inner.execute(sql, args).await;
        self.watched(changed)
    }

    /// Runs a statement for many rows at once, and returns how many it changed. The group after its `VALUES` is repeated for
    /// each row; without rows, nothing is run.
    ///
    /// Shape: `INSERT INTO t (a, b) VALUES ($1, $2)`, with placeholders only in the group, and a value for each in each row.
    /// The columns of `UPDATE t SET … FROM (VALUES ($1, $2)) AS new` are `new.column1` and `new.column2` on both engines.
    pub async fn run_all(&mut self, sql: impl Into<Sql>, rows: Vec<Vec<Value>>) -> Result<u64, DbError> {
        let sql = sql.into();
        let (text, limit) = if self.inner.is_postgres() {
            (sql.postgres, many_rows::POSTGRES_VALUES)
        } else {
            (sql.sqlite, many_rows::SQLITE_VALUES)
        };
        let template = many_rows::Template::of(text)?;
        let mut changed = 0;
        let mut rows = rows.into_iter().peekable();
        while rows.peek().is_some() {
            let some: Vec<Vec<Value>> = rows.by_ref().take(template.rows_within(limit)).collect();
            template.check(&some)?;
            let (repeated, values) = if self.inner.is_postgres() {
                (template.repeated(some.len()), some.into_iter().flatten().collect())
            } else {
                template.unnamed(&some)
            };
            self.begin_statement(text)?;
            let result = self.inner.execute_once(repeated, values).await;
            changed += self.watched(result)?;
        }
        Ok(changed)
    }

    fn begin_statement(&mut self, text: &str) -> Result<(), DbError> {
        self.counts.writes.fetch_add(1, Ordering::Relaxed);
        self.signals.note(text, &mut self.brought);
        self.whole()
    }

    fn whole(&self) -> Result<(), DbError> {
        if self.spoiled { Err(DbError::Full) } else { Ok(()) }
    }

    fn watched<T>(&mut self, result: Result<T, DbError>) -> Result<T, DbError> {
        self.spoiled |= matches!(result, Err(DbError::Full));
        result
    }

    /// Makes the changes durable, then wakes the loops that wait for them.
    pub async fn commit(mut self) -> Result<(), DbError> {
        self.whole()?;
        let committing = Committing::begin(&mut self.brought);
        match self.inner {
            TxInner::Sqlite(tx) => tx.commit().await?,
            TxInner::Postgres(tx) => tx.commit().await?,
        }
        committing.end();
        self.signals.committed(&self.brought);
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
