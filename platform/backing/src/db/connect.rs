//! Opens the pools of either engine.

use super::{DbError, Pools};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection as _, Sqlite, SqlitePool, Transaction};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

const READERS: u32 = 4;
/// Fewer connections to PostgreSQL would make a transaction wait for a read that it needs.
const LEAST_CONNECTIONS: u32 = 2;
/// How long a request waits for a connection before it fails; otherwise requests would pile up.
const WAIT_FOR_CONNECTION: Duration = Duration::from_secs(2);
/// A connection to PostgreSQL that nobody has used for so long is tried before it is used. Each use of one that has just
/// answered would otherwise cost another round trip; one that was lost since then fails its next statement.
const RESTED: Duration = Duration::from_millis(100);
/// SQLite's single writer is a queue, so its waiters get more time.
const WAIT_FOR_WRITER: Duration = Duration::from_secs(10);
/// The longest pause between two statements of a transaction, after which its process counts as frozen.
const FROZEN: &str = "60s";
/// How long a statement in PostgreSQL waits for a lock that another process holds, and how long it may take in all; a request
/// that waits for longer is of no use to anybody.
const LONGEST_LOCK: &str = "10s";
const LONGEST_STATEMENT: &str = "30s";
/// How long to wait for SQLite's lock, which another process (a command, a second role) may hold.
const WAIT_FOR_LOCK: Duration = Duration::from_secs(5);

pub(super) async fn open(url: &str, service: &str, connections: u32) -> Result<Pools, DbError> {
    if service.is_empty() || !service.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') {
        return Err(DbError::Migration(format!("`{service}` is not a valid schema name")));
    }
    match url.strip_prefix("sqlite://") {
        Some(folder) => sqlite(Path::new(folder), service).await,
        None => Ok(Pools::Postgres(
            postgres(url, service, connections.max(LEAST_CONNECTIONS)).await?,
        )),
    }
}

/// Whether a service's schema exists; creates nothing.
pub(super) async fn exists(url: &str, service: &str) -> Result<bool, DbError> {
    if let Some(folder) = url.strip_prefix("sqlite://") {
        let found = tokio::fs::try_exists(Path::new(folder).join(file_name(service))).await;
        return found.map_err(|error| DbError::Unavailable(error.to_string()));
    }
    let found = existing_postgres(url, service).await?;
    if let Some(pool) = &found {
        pool.close().await;
    }
    Ok(found.is_some())
}

/// The connections to a schema in PostgreSQL, if the schema exists.
pub(super) async fn existing_postgres(url: &str, service: &str) -> Result<Option<PgPool>, DbError> {
    let pool = postgres(url, service, 1).await?;
    let named = sqlx::query("SELECT 1 FROM pg_namespace WHERE nspname = $1").bind(service);
    if named.fetch_optional(&pool).await?.is_some() {
        return Ok(Some(pool));
    }
    pool.close().await;
    Ok(None)
}

/// Checks that this user may create a schema in PostgreSQL.
pub(super) async fn check_may_create(url: &str, service: &str) -> Result<(), DbError> {
    let pool = postgres(url, service, 1).await?;
    let asked = sqlx::query_scalar("SELECT has_database_privilege(current_database(), 'CREATE')");
    let may_create: bool = asked.fetch_one(&pool).await?;
    pool.close().await;
    if may_create {
        return Ok(());
    }
    let why = format!("the schema {service} does not exist, and this user may not create it");
    Err(DbError::Unavailable(why))
}

/// A connection to a SQLite file that nobody has open. It writes nothing, not even side files.
pub(super) async fn sqlite_unchanged(file: &Path) -> Result<Pools, DbError> {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .read_only(true)
        .immutable(true);
    let read = SqlitePoolOptions::new()
        .max_connections(1)
        .connect_with(options)
        .await?;
    Ok(Pools::Sqlite {
        write: read.clone(),
        read,
    })
}

/// The name of a schema's file.
pub(super) fn file_name(service: &str) -> String {
    format!("{service}.sqlite")
}

async fn sqlite(folder: &Path, service: &str) -> Result<Pools, DbError> {
    let file = prepare(folder.to_owned(), file_name(service)).await?;
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

/// Starts a writing transaction on the only connection that writes.
///
/// If SQLite rolls a transaction back on its own (on a full disk), sqlx still believes that it is open
/// and refuses the next one; this replaces such a connection.
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

/// Creates the file, readable only by its owner; SQLite gives its side files the same mode.
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

async fn postgres(url: &str, service: &str, connections: u32) -> Result<PgPool, DbError> {
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        return Err(DbError::Unavailable(
            "a database URL must start with sqlite:// or postgres://".to_owned(),
        ));
    }
    let options: PgConnectOptions = url
        .parse()
        .map_err(|_| DbError::Unavailable("the database URL can't be read".to_owned()))?;
    // the server ends the transactions of a frozen process, which releases its locks
    let options = options.application_name("moocflix").options([
        ("search_path", service),
        ("idle_in_transaction_session_timeout", FROZEN),
        ("lock_timeout", LONGEST_LOCK),
        ("statement_timeout", LONGEST_STATEMENT),
    ]);
    let pool = PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(WAIT_FOR_CONNECTION)
        // the pool's look for idle connections would count as a use of all others
        .idle_timeout(None)
        .test_before_acquire(false)
        .before_acquire(|connection, facts| {
            Box::pin(async move {
                // a connection that does not answer is replaced without an error
                if facts.idle_for >= RESTED {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .connect_with(options)
        .await?;
    Ok(pool)
}
