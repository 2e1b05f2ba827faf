//! Opens the pools of either engine.

use super::{DbError, Pools};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Sqlite, SqlitePool, Transaction};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

const READERS: u32 = 4;
const POSTGRES_CONNECTIONS: u32 = 16;
/// A request that can't get a connection in this time is told so instead of piling up.
const WAIT_FOR_CONNECTION: Duration = Duration::from_secs(2);
/// SQLite's one writer is a queue: its waiters stand in line for longer.
const WAIT_FOR_WRITER: Duration = Duration::from_secs(10);
/// Between two statements of a transaction no process needs so long.
const FROZEN: &str = "60s";
/// Another process (a command, a second role) may hold SQLite's lock meanwhile.
const WAIT_FOR_LOCK: Duration = Duration::from_secs(5);

pub(super) async fn open(url: &str, service: &str) -> Result<Pools, DbError> {
    if service.is_empty() || !service.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') {
        return Err(DbError::Migration(format!("`{service}` can't name a schema")));
    }
    if let Some(folder) = url.strip_prefix("sqlite://") {
        sqlite(Path::new(folder), service).await
    } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        postgres(url, service).await
    } else {
        Err(DbError::Unavailable(
            "a database URL begins with sqlite:// or postgres://".to_owned(),
        ))
    }
}

async fn sqlite(folder: &Path, service: &str) -> Result<Pools, DbError> {
    let file = prepare(folder.to_owned(), format!("{service}.sqlite")).await?;
    let options = SqliteConnectOptions::new()
        .filename(file)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(WAIT_FOR_LOCK)
        .pragma("temp_store", "memory");
    // the writer comes first: it creates the schema's file and its WAL for the readers
    let write = SqlitePoolOptions::new()
        .max_connections(1)
        .min_connections(1)
        .acquire_timeout(WAIT_FOR_WRITER)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .connect_with(options.clone())
        .await?;
    let read = SqlitePoolOptions::new()
        .max_connections(READERS)
        .acquire_timeout(WAIT_FOR_CONNECTION)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .connect_with(options.pragma("query_only", "1"))
        .await?;
    Ok(Pools::Sqlite { read, write })
}

/// Begins a writing transaction on the one connection that writes.
///
/// When SQLite has rolled a transaction back by itself (a full disk), sqlx goes on to believe in it
/// and refuses the next; such a connection is replaced.
pub(super) async fn begin(write: &SqlitePool) -> Result<Transaction<'static, Sqlite>, DbError> {
    const TRIES: usize = 3;
    for _ in 0..TRIES {
        match write.begin_with("BEGIN IMMEDIATE").await {
            Err(sqlx::Error::InvalidSavePointStatement) => write.acquire().await?.close().await?,
            other => return Ok(other?),
        }
    }
    Ok(write.begin_with("BEGIN IMMEDIATE").await?)
}

/// Makes the file, readable by its owner alone; SQLite gives its side files the same mode.
async fn prepare(folder: PathBuf, name: String) -> Result<PathBuf, DbError> {
    let path = folder.join(name);
    let made = tokio::task::spawn_blocking(move || -> std::io::Result<PathBuf> {
        std::fs::create_dir_all(&folder)?;
        OpenOptions::new().create(true).append(true).mode(0o600).open(&path)?;
        File::open(&folder)?.sync_all()?;
        Ok(path)
    });
    match made.await {
        Ok(Ok(path)) => Ok(path),
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::StorageFull => Err(DbError::Full),
        Ok(Err(error)) => Err(DbError::Unavailable(error.to_string())),
        Err(error) => Err(DbError::Unavailable(error.to_string())),
    }
}

async fn postgres(url: &str, service: &str) -> Result<Pools, DbError> {
    let options: PgConnectOptions = url
        .parse()
        .map_err(|_| DbError::Unavailable("the database URL can't be read".to_owned()))?;
    // the server ends the transactions of a frozen process, so that its locks go to another
    let options = options.application_name("moocflix").options([
        ("search_path", service),
        ("idle_in_transaction_session_timeout", FROZEN),
    ]);
    // dead connections are noticed by the ping before each use and replaced without an error
    let pool = PgPoolOptions::new()
        .max_connections(POSTGRES_CONNECTIONS)
        .acquire_timeout(WAIT_FOR_CONNECTION)
        .test_before_acquire(true)
        .connect_with(options)
        .await?;
    Ok(Pools::Postgres(pool))
}
