//! Looks at a schema as `open` would find it, and changes nothing.

use super::{Db, DbError, Migration, Pools, connect, migrate};
use std::path::Path;

/// The state of a service's schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inspected {
    /// It does not exist; [`Db::open`] creates it.
    Absent,
    /// SQLite only: a process has it open, or ended without closing it. Even a reader would write beside it, so nothing
    /// was read.
    InUse,
    /// It can be read; [`Db::open`] runs this many migrations.
    Outstanding(usize),
}

/// Source: <https://sqlite.org/walformat.html>: the WAL file exists exactly while a connection is open, or after a crash
pub(super) async fn inspect(
    url: &str,
    service: &'static str,
    migrations: &'static [Migration],
) -> Result<Inspected, DbError> {
    let pools = match url.strip_prefix("sqlite://") {
        Some(folder) => {
            let file = Path::new(folder).join(connect::file_name(service));
            if size(&file).await?.is_none_or(|size| size == 0) {
                return Ok(Inspected::Absent);
            }
            if size(&file.with_extension("sqlite-wal")).await?.is_some() {
                return Ok(Inspected::InUse);
            }
            connect::sqlite_unchanged(&file).await?
        }
        None => match connect::existing_postgres(url, service).await? {
            Some(pool) => Pools::Postgres(pool),
            None => {
                connect::check_may_create(url, service).await?;
                return Ok(Inspected::Absent);
            }
        },
    };
    let db = Db::of(pools, service);
    let outstanding = count(&db, migrations).await;
    db.close().await;
    outstanding.map(Inspected::Outstanding)
}

async fn count(db: &Db, migrations: &[Migration]) -> Result<usize, DbError> {
    let mut snapshot = db.snapshot().await?;
    migrate::count_outstanding(snapshot.inner(), db.service, migrations).await
}

async fn size(file: &Path) -> Result<Option<u64>, DbError> {
    match tokio::fs::metadata(file).await {
        Ok(facts) => Ok(Some(facts.len())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(DbError::Unavailable(format!("{}: {error}", file.display()))),
    }
}
