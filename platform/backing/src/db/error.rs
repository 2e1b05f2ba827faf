//! Database errors, in the categories that services act on.

/// A failed statement or connection.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// A unique row already exists; the text names the constraint (PostgreSQL) or the columns (SQLite).
    #[error("not unique: {0}")]
    Unique(String),
    /// The database's disk is full.
    #[error("the database's disk is full")]
    Full,
    /// The database is unreachable or too busy; a retry may succeed.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// The schema does not fit this program.
    #[error("the database's schema does not fit: {0}")]
    Migration(String),
    /// Any other error; most likely a mistake in a statement.
    #[error("database error: {0}")]
    Other(#[source] sqlx::Error),
}

impl DbError {
    /// The same error for another one who asked.
    #[must_use]
    pub fn retold(&self) -> Self {
        match self {
            Self::Unique(what) => Self::Unique(what.clone()),
            Self::Full => Self::Full,
            Self::Unavailable(why) => Self::Unavailable(why.clone()),
            Self::Migration(why) => Self::Migration(why.clone()),
            Self::Other(error) => Self::Other(sqlx::Error::Protocol(error.to_string())),
        }
    }
}

impl From<sqlx::Error> for DbError {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::Error as E;
        match error {
            E::Database(ref cause) => {
                let code = cause.code().unwrap_or_default().into_owned();
                if cause.is_unique_violation() {
                    Self::Unique(violated(cause.as_ref()))
                } else if cause.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some() {
                    of_sqlite(&code, error)
                } else {
                    of_postgres(&code, error)
                }
            }
            E::Io(_) | E::Tls(_) | E::Protocol(_) | E::PoolTimedOut | E::PoolClosed | E::WorkerCrashed => {
                Self::Unavailable(error.to_string())
            }
            other => Self::Other(other),
        }
    }
}

fn violated(cause: &dyn sqlx::error::DatabaseError) -> String {
    match cause.constraint() {
        Some(name) => name.to_owned(),
        None => {
            let message = cause.message();
            message
                .rsplit_once("failed: ")
                .map_or(message, |(_, columns)| columns)
                .to_owned()
        }
    }
}

/// Source: <https://sqlite.org/rescode.html>, primary code in the low byte
fn of_sqlite(code: &str, error: sqlx::Error) -> DbError {
    const BUSY: u32 = 5;
    const LOCKED: u32 = 6;
    const IO: u32 = 10;
    const FULL: u32 = 13;
    const CANNOT_OPEN: u32 = 14;
    const IO_GROW_SHARED_MEMORY: u32 = 4874; // the -shm file could not grow: no space either
    let code: u32 = code.parse().unwrap_or(0);
    match (code, code & 0xff) {
        (IO_GROW_SHARED_MEMORY, _) | (_, FULL) => DbError::Full,
        (_, BUSY | LOCKED | IO | CANNOT_OPEN) => DbError::Unavailable(error.to_string()),
        _ => DbError::Other(error),
    }
}

/// Source: PostgreSQL 15, appendix A; class 08 connection, 53 resources, 57014 time limit, 57P shutdown, 40 try again
fn of_postgres(code: &str, error: sqlx::Error) -> DbError {
    match code {
        "53100" => DbError::Full,
        "40001" | "40P01" | "55P03" | "57014" | "57P01" | "57P02" | "57P03" | "57P05" => {
            DbError::Unavailable(error.to_string())
        }
        _ if code.starts_with("08") || code.starts_with("53") || code.starts_with("58") => {
            DbError::Unavailable(error.to_string())
        }
        _ => DbError::Other(error),
    }
}
